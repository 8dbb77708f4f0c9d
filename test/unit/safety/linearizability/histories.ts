import type { KvOperation } from '../../../../src/safety/linearizability/kv-history.ts';
import { seededRandom } from '../../../../src/core/seeded-random.ts';

type Basics = Partial<Pick<KvOperation, 'process' | 'node' | 'key' | 'outcome'>>;

const about = (callMs: number, returnMs: number, basics: Basics) => ({
  ...{ process: '0', node: 'a', key: 'k', outcome: 'ok' as const, callMs, returnMs },
  ...basics,
});

export const read = (callMs: number, returnMs: number, value: string | null, basics: Basics = {}): KvOperation => ({
  ...about(callMs, returnMs, basics),
  kind: 'read',
  value,
});

export const write = (callMs: number, returnMs: number, value: string, basics: Basics = {}): KvOperation => ({
  ...about(callMs, returnMs, basics),
  kind: 'write',
  value,
});

export const cas = (
  callMs: number,
  returnMs: number,
  [expected, value]: readonly [string | null, string],
  isApplied = true,
  basics: Basics = {},
): KvOperation => ({ ...about(callMs, returnMs, basics), kind: 'cas', expected, value, isApplied });

/** Anything at all: two to six operations on one key, two values, answers that were drawn and never given. */
export function anyHistory(seed: number): KvOperation[] {
  const random = seededRandom(seed);
  const oneOf = <T>(first: T, ...others: readonly T[]): T =>
    [first, ...others][Math.floor(random() * (others.length + 1))] ?? first;
  return Array.from({ length: 2 + Math.floor(random() * 5) }, () => {
    const callMs = Math.floor(random() * 12);
    const returnMs = callMs + Math.floor(random() * 6);
    const outcome = oneOf<KvOperation['outcome']>('ok', 'ok', 'ok', 'ok', 'unknown', 'fail');
    const kind = oneOf('read', 'read', 'write', 'cas');
    if (kind === 'read') return read(callMs, returnMs, oneOf(null, 'x', 'y'), { outcome });
    if (kind === 'write') return write(callMs, returnMs, oneOf('x', 'y'), { outcome });
    return cas(callMs, returnMs, [oneOf(null, 'x', 'y'), oneOf('x', 'y')], random() < 0.5, { outcome });
  });
}

interface Size {
  operations: number;
  processes: number;
  keys: number;
}

/**
 * What a linearizable store could have answered: every operation takes effect at a moment between its call and its answer, or, where nobody
 * answered, at a later one or never. Every written value is another.
 */
export function soundHistory(seed: number, { operations, processes, keys }: Size): KvOperation[] {
  const random = seededRandom(seed);
  const freeAtMs = Array.from({ length: processes }, () => random() * 10);
  const lives = freeAtMs.map(() => 0);
  const planned = Array.from({ length: operations }, (_, number) => {
    const process = freeAtMs.indexOf(Math.min(...freeAtMs));
    const callMs = freeAtMs[process] ?? 0;
    const returnMs = callMs + 1 + random() * 20;
    freeAtMs[process] = returnMs + random() * 5;
    const fate = random();
    const outcome: KvOperation['outcome'] = fate < 0.06 ? 'unknown' : fate < 0.1 ? 'fail' : 'ok';
    const name = `${process}.${lives[process] ?? 0}`;
    if (outcome === 'unknown') lives[process] = (lives[process] ?? 0) + 1;
    const isLate = outcome === 'unknown' && random() < 0.5;
    const atMs = callMs + random() * (returnMs - callMs) + (isLate ? random() * 200 : 0);
    const doesHappen = outcome === 'ok' || (outcome === 'unknown' && random() < 0.7);
    const basics = { process: name, node: `node-${process % 3}`, key: `k${Math.floor(random() * keys)}`, outcome };
    return { number, callMs, returnMs, atMs, doesHappen, basics, kind: random() } as const;
  });
  const values = new Map<string, string | null>();
  const done = planned
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((plan) => {
      const { number, callMs, returnMs, basics, doesHappen, kind } = plan;
      const { key } = basics;
      const value = `v${number}`;
      const now = values.get(key) ?? null;
      if (kind < 0.5) return read(callMs, returnMs, now, basics);
      if (kind < 0.75) {
        if (doesHappen) values.set(key, value);
        return write(callMs, returnMs, value, basics);
      }
      const expected = random() < 0.6 ? now : `v${Math.floor(random() * operations)}`;
      const isApplied = expected === now;
      if (doesHappen && isApplied) values.set(key, value);
      return cas(callMs, returnMs, [expected, value], isApplied, basics);
    });
  return done.sort((a, b) => a.callMs - b.callMs);
}
