import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { NetworkPlan, NodePlan, ProbeClient } from '../../../src/index.ts';
import { Lease } from '../../../node/lease.ts';
import profile from '../../../systems/reference/profile.ts';
import { dealGroup, tssToggle } from '../../../systems/reference/tss.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const nodeIn = (dataDir: string) => ({ name: 'v', role: 'validator', index: 0, votingPower: 1, dataDir });

function run([program = '', ...args]: readonly string[], folders = ''): void {
  execFileSync(program, args, { env: { PATH: `${folders}${process.env['PATH'] ?? ''}` } });
}

/** Switches in a folder and returns what a node would hold after the given time. */
async function leaseIn(folder: string, ttlMs: number, on = true, folders = '') {
  run(tssToggle.switch(nodeIn(folder), { leaseId: 'run-1', on, ttlMs }), folders);
  const now = { wallMs: Date.now(), monotonicMs: 0 };
  const lease = new Lease();
  expect(lease.observe(await readFile(join(folder, 'tss-lease.json'), 'utf8'), now)).toBe('taken');
  return lease.held(now);
}

test('The switch writes a lease that the node understands, in one piece, wherever its data is', async () => {
  const folder = join(await temporaryFolder(), `it's a "data" $folder`);
  await mkdir(folder);
  const held = await leaseIn(folder, 60_000, false);
  expect(held).toMatchObject({ leaseId: 'run-1', on: false });
  expect(held?.remainingMs).toBeGreaterThan(50_000);
  expect(held?.remainingMs).toBeLessThanOrEqual(60_000);
  expect(await readdir(folder)).toEqual(['tss-lease.json']);
  run(tssToggle.clear(nodeIn(folder)));
  run(tssToggle.clear(nodeIn(folder)));
  expect(await readdir(folder)).toEqual([]);
});

test('Where date knows no milliseconds the lease ends up to a second early, never late', async () => {
  const folder = await temporaryFolder();
  const seconds = Math.floor(Date.now() / 1000);
  const script = `#!/bin/sh\ncase "$1" in +%s) echo ${seconds} ;; *) echo ${seconds}%3N ;; esac\n`;
  await writeFile(join(folder, 'date'), script);
  await chmod(join(folder, 'date'), 0o755);
  await leaseIn(folder, 60_000, true, `${folder}:`);
  const { untilMs } = JSON.parse(await readFile(join(folder, 'tss-lease.json'), 'utf8')) as { untilMs: number };
  expect(untilMs).toBe(seconds * 1000 + 60_000);
});

test('A lease id that could break the file, and a time that is none, are refused', () => {
  const lease = (leaseId: string, ttlMs: number) => () =>
    tssToggle.switch(nodeIn('/data'), { leaseId, on: true, ttlMs });
  expect(lease('a"b', 1000)).toThrow('lease id');
  expect(lease('', 1000)).toThrow('lease id');
  expect(lease('a', 0)).toThrow('ttl of 0 ms');
  expect(lease('a', 1.5)).toThrow('ttl of 1.5 ms');
});

test('The key is dealt by the node’s own program; its secrets are in no public part and no command line', () => {
  const { publicKey, files } = dealGroup(['a', 'b', 'c', 'd']);
  expect(JSON.parse(publicKey)).toMatchObject({
    threshold: 3,
    members: [{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd' }],
  });
  expect(Object.keys(files)).toEqual(['a', 'b', 'c', 'd']);
  const secrets = Object.values(files).map((own) => own['tss-share.key'] ?? '');
  for (const secret of secrets) {
    expect(secret).toMatch(/^[0-9a-f]{64}\n$/);
    expect(publicKey).not.toContain(secret.trim());
  }
  expect(new Set(secrets).size).toBe(4);
});

test('A node gets the flag only where the testnet file sets it, and the key’s file only where there is a key', () => {
  const node = (flags: NodePlan['flags'], votingPower = 1): NodePlan => ({
    ...{ ...nodeIn('/data'), votingPower, configDir: '/config', secretsDir: '/secrets' },
    ...{ address: '10.0.0.1', listenAddress: '0.0.0.0', ports: { http: 1, p2p: 2 }, flags },
  });
  const without: NetworkPlan = { testnet: 't', nodes: [], publicKeys: {} };
  const network: NetworkPlan = { ...without, groupKey: '{"threshold":1}' };
  const on = profile.command(node({ tss: true }), network);
  expect(on.join(' ')).toContain('--tss-key /secrets/tss-share.key --enable-tss');
  expect(profile.command(node({ tss: false }), network)).not.toContain('--enable-tss');
  expect(profile.command(node({}, 0), network)).not.toContain('--tss-key');
  expect(profile.command(node({}), without)).not.toContain('--tss-key');
  const genesis = (of: NetworkPlan) => JSON.parse(profile.files?.(node({}), of)['genesis.json'] ?? '{}') as object;
  expect(genesis(network)).toMatchObject({ tss: { threshold: 1 } });
  expect(genesis(without)).not.toHaveProperty('tss');
});

test('The proof counts what blocks show: the tip, which the next block would prove, and other signers do not count', async () => {
  const asked: string[] = [];
  const client = {
    getJson: async (_port: string, path: string) => {
      asked.push(path);
      if (path === '/status') return { height: 20 };
      const height = Number(path.slice('/block/'.length));
      return { height, tss: { signers: height % 2 === 0 ? ['v', 'w'] : ['w'] } };
    },
  } as unknown as ProbeClient;
  expect(await tssToggle.proof(client, { node: 'v', from: 10, to: 30 })).toEqual({ blocks: 9, proven: 4 });
  expect(asked).not.toContain('/block/20');
  expect(asked).not.toContain('/block/10');
  expect(await tssToggle.proof(client, { node: 'v', from: 20, to: 20 })).toEqual({ blocks: 0, proven: 0 });
});
