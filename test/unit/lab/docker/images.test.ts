import { describe, expect, test } from 'vitest';
import { packFiles } from '../../../../src/lab/docker/container-files.ts';
import { httpHealthcheck } from '../../../../src/lab/docker/healthcheck.ts';
import { parsePasswd } from '../../../../src/lab/docker/image-user.ts';
import { splitReference } from '../../../../src/lab/docker/images/resolve-image.ts';
import { freeSecondOctet } from '../../../helpers/engine-network.ts';

test.each([
  ['node', 'node', 'latest'],
  ['node:24', 'node', '24'],
  ['127.0.0.1:5000/team/node', '127.0.0.1:5000/team/node', 'latest'],
  ['127.0.0.1:5000/team/node:24', '127.0.0.1:5000/team/node', '24'],
  ['node@sha256:abc', 'node', 'sha256:abc'],
])('the reference %s names repository %s and tag %s', (reference, repository, tag) => {
  expect(splitReference(reference)).toEqual({ repository, tag });
});

test('users are read from /etc/passwd, other lines are passed over', () => {
  const text = 'root:x:0:0:root:/root:/bin/sh\n\n+::::::\nnode:x:1000:1001::/home/node:/bin/bash\n';
  expect(parsePasswd(text)).toEqual([
    { name: 'root', uid: 0, gid: 0 },
    { name: 'node', uid: 1000, gid: 1001 },
  ]);
});

test('equal files give equal archives', async () => {
  const file = { name: 'a', mode: 0o600, uid: 1, gid: 2, content: Buffer.from('x') };
  const first = await packFiles([file]);
  expect(first.length).toBeGreaterThan(512);
  expect(first.equals(await packFiles([{ ...file }]))).toBe(true);
  expect(first.equals(await packFiles([{ ...file, uid: 2 }]))).toBe(false);
});

describe('the health check', () => {
  test('asks for the path on the port inside the container', () => {
    const [kind, script] = httpHealthcheck({ port: 8080, path: '/health' });
    expect(kind).toBe('CMD-SHELL');
    expect(script).toContain('/dev/tcp/127.0.0.1/8080');
    expect(script).toContain('GET /health HTTP/1.0');
  });

  test.each(['health', '/a b', '/$(id)', "/'x", '/a?b'])(
    'refuses %s, which a shell could take for more than a path',
    (path) => {
      expect(() => httpHealthcheck({ port: 1, path })).toThrow(RangeError);
    },
  );
});

test('an engine of the tests takes a subnet that no route touches', () => {
  const header = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT';
  const route = (destination: string, mask: string): string => `eth0\t${destination}\t0\t1\t0\t0\t0\t${mask}\t0\t0\t0`;
  const everywhere = route('00000000', '00000000');
  expect(freeSecondOctet([header, everywhere].join('\n'))).toBe(201);
  // 10.201.0.0/24 and 10.202.128.0/17 are taken.
  const taken = [route('0000C90A', '00FFFFFF'), route('0080CA0A', '0080FFFF')];
  expect(freeSecondOctet([header, everywhere, ...taken].join('\n'))).toBe(203);
  expect(() => freeSecondOctet([header, route('0000000A', '000000FF')].join('\n'))).toThrow(/no free subnet/);
});
