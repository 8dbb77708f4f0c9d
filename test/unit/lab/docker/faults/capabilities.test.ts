import { expect, test } from 'vitest';
import { judge } from '../../../../../src/lab/docker/faults/capabilities.ts';

test('where nothing is lacking only the clock cannot be set off', () => {
  const { kinds } = judge({});
  expect(Object.entries(kinds).filter(([, able]) => able !== true)).toEqual([
    ['clock', expect.stringContaining('libfaketime') as string],
  ]);
});

test('a kernel without netem can limit bandwidth and cannot delay or lose', () => {
  const { kinds, of } = judge({ netem: 'Specified qdisc kind is unknown' });
  expect(kinds.shape).toContain('no netem');
  expect(kinds.shape).toContain('Specified qdisc kind is unknown');
  const shape = (rule: object): true | string => of({ kind: 'shape', rules: [{ peer: 'a', ...rule }] });
  expect(shape({ bitsPerSecond: 1000 })).toBe(true);
  expect(shape({ bitsPerSecond: 1000, delayMs: 1 })).toBe(kinds.shape);
  expect(shape({ lossShare: 0.1 })).toBe(kinds.shape);
  expect(judge({ htb: 'x' }).of({ kind: 'shape', rules: [{ peer: 'a', bitsPerSecond: 1 }] })).toContain('no htb');
});

test('each lack takes away what needs it, with its reason, and nothing else', () => {
  const lacks = (report: Parameters<typeof judge>[0]): string[] =>
    Object.entries(judge(report).kinds)
      .filter(([kind, able]) => able !== true && kind !== 'clock')
      .map(([kind]) => kind);
  expect(lacks({ nft: 'x' })).toEqual(['cut', 'dns']);
  expect(lacks({ engine: 'x' })).toEqual(['pause', 'down', 'config', 'monitoring-gone']);
  expect(lacks({ cgroup: 'x' })).toEqual(['cpu', 'memory']);
  expect(lacks({ process: 'x' })).toEqual(['disk-full']);
});
