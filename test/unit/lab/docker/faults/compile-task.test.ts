import { describe, expect, test } from 'vitest';
import { LabError } from '../../../../../src/core/errors.ts';
import { quotaUs } from '../../../../../src/lab/docker/faults/agent/cgroup-limit.ts';
import { compileTask } from '../../../../../src/lab/docker/faults/compile-task.ts';
import { linkLocalAddress } from '../../../../../src/lab/docker/faults/network-ends.ts';
import type { FaultAction } from '../../../../../src/lab/faults.ts';
import { faultTopology } from '../../../../helpers/container-testnet.ts';

const { nodes } = faultTopology('t', 'sha256:0');
const [node] = nodes as [(typeof nodes)[number]];
const addresses = new Map([
  ['node-1', ['10.1.0.3', 'fd00::3']],
  ['monitoring', ['10.1.0.9']],
]);
const context = {
  container: 'c0ffee',
  nodes,
  ends: {
    all: ['10.1.0.2', '10.1.0.3'],
    addressOf: () => undefined,
    match: (end: string) => (end === 'clients' ? { isNot: ['10.1.0.2'] } : { is: addresses.get(end) ?? [] }),
  },
  user: '1000:1000',
  engineSocket: '/run/docker.sock',
};
const compile = (action: FaultAction) => compileTask({ id: 'x', node, action, ttlMs: 1000 }, context);

describe('what an agent is told', () => {
  test('each action has the one right that it needs', () => {
    const rights = (action: FaultAction) => compile(action).rights;
    const cut = { kind: 'cut', rules: [{ direction: 'in', peer: 'node-1', verdict: 'drop' }] } as const;
    expect(rights(cut)).toEqual({ network: 'c0ffee', isNetworkAdmin: true });
    expect(rights({ kind: 'dns' })).toEqual({ network: 'c0ffee', isNetworkAdmin: true });
    expect(rights({ kind: 'pause' })).toEqual({ engineSocket: '/run/docker.sock' });
    expect(rights({ kind: 'cpu', share: 0.1 })).toEqual({ hasCgroups: true });
    expect(rights({ kind: 'disk-full' })).toEqual({ hasHostProcesses: true, user: '1000:1000' });
  });

  test('a rule by port knows the port of either side, and refuses a name that neither has', () => {
    const rule = (port: string): FaultAction => ({
      kind: 'cut',
      rules: [{ direction: 'in', peer: 'node-1', verdict: 'drop', ports: [port] }],
    });
    expect(compile(rule('api')).task).toMatchObject({
      matches: [{ label: 'in node-1 api', ports: { near: [8080], far: [8080] } }],
    });
    expect(() => compile(rule('rpc'))).toThrow('neither node-0 nor node-1 has a port "rpc"; node-0 has api, admin');
  });

  test('a node that is to be asked to stop gets its own signal, one that is to be killed gets SIGKILL', () => {
    const down = (signal: 'SIGKILL' | 'SIGTERM') => compile({ kind: 'down', signal, data: 'wipe' }).task;
    expect(down('SIGKILL')).toMatchObject({ signal: 'SIGKILL', hasDataStep: true });
    expect(
      compileTask(
        {
          id: 'x',
          node: { ...node, stop: { signal: 'SIGINT', graceMs: 7 } },
          action: { kind: 'down', signal: 'SIGTERM', data: 'keep' },
          ttlMs: 1,
        },
        context,
      ).task,
    ).toMatchObject({ signal: 'SIGINT', graceMs: 7, hasDataStep: false });
  });

  test.each<[string, FaultAction]>([
    ['has no rule', { kind: 'cut', rules: [] }],
    ['cut off from itself', { kind: 'cut', rules: [{ direction: 'in', peer: 'node-0', verdict: 'drop' }] }],
    ['a share of 0', { kind: 'cpu', share: 0 }],
    ['a share of 1.5', { kind: 'cpu', share: 1.5 }],
    ['1000 bytes', { kind: 'memory', limitBytes: 1000 }],
    ['Infinity bytes', { kind: 'memory', limitBytes: Infinity }],
    ['lossShare is 2', { kind: 'shape', rules: [{ peer: 'node-1', lossShare: 2 }] }],
    ['delayMs is -1', { kind: 'shape', rules: [{ peer: 'node-1', delayMs: -1 }] }],
    ['no absolute path', { kind: 'config', path: 'etc/x' }],
  ])('values that cannot be are refused: %s', (words, action) => {
    expect(() => compile(action)).toThrow(LabError);
    expect(() => compile(action)).toThrow(words);
  });
});

test('the address that an interface has by itself follows from its hardware address', () => {
  expect(linkLocalAddress('02:42:ac:11:00:02')).toEqual(['fe80::42:acff:fe11:2']);
  expect(linkLocalAddress('')).toEqual([]);
});

test('a share of a core never gives more than the container had, and never less than the kernel takes', () => {
  expect(quotaUs(0.2, 100_000, -1)).toBe(20_000);
  expect(quotaUs(0.2, 100_000, Number('max'))).toBe(20_000);
  expect(quotaUs(0.9, 100_000, 50_000)).toBe(50_000);
  expect(quotaUs(0.001, 100_000, -1)).toBe(1_000);
});
