import { describe, expect, test } from 'vitest';
import { AbortedError } from '../../../../src/core/errors.ts';
import { seededRandom } from '../../../../src/core/seeded-random.ts';
import { createVirtualClock } from '../../../../src/lab/fake/virtual-clock.ts';
import type { KvOperation } from '../../../../src/safety/linearizability/kv-history.ts';
import {
  checkLinearizability,
  type LinearizabilityOptions,
} from '../../../../src/safety/linearizability/check-linearizability.ts';
import type { SafetyCheck } from '../../../../src/safety/safety-result.ts';
import { anomalies } from './anomalies.ts';
import { isLinearizable } from './brute-force.ts';
import { anyHistory, cas, read, soundHistory, write } from './histories.ts';

const check = (history: readonly KvOperation[], options: Partial<LinearizabilityOptions> = {}): Promise<SafetyCheck> =>
  checkLinearizability(history, { clock: createVirtualClock(), ...options });
const verdictOf = async (...history: KvOperation[]): Promise<string> => (await check(history)).verdict;

const unknown = { outcome: 'unknown' } as const;
const other = { process: '1' };

describe('a history is linearizable when', () => {
  test.each<[string, KvOperation[]]>([
    ['reads return what was written before', [write(0, 1, 'x'), read(2, 3, 'x'), write(4, 5, 'y'), read(6, 7, 'y')]],
    ['a key is not there at first', [read(0, 1, null), write(2, 3, 'x')]],
    ['a read during a write returns the old value', [write(0, 1, 'x'), write(2, 9, 'y'), read(3, 4, 'x', other)]],
    ['a read during a write returns the new value', [write(0, 1, 'x'), write(2, 9, 'y'), read(3, 4, 'y', other)]],
    [
      'two writes at the same time are seen in either order',
      [write(0, 9, 'x'), write(1, 8, 'y', other), read(10, 11, 'x')],
    ],
    [
      'a write without an answer takes effect much later',
      [write(0, 1, 'x', unknown), read(5, 6, null), read(7, 8, 'x')],
    ],
    ['a write without an answer never takes effect', [write(0, 1, 'x', unknown), read(5, 6, null), read(70, 80, null)]],
    [
      'a compare fits and the next one does not',
      [cas(0, 1, [null, 'x']), cas(2, 3, [null, 'y'], false), read(4, 5, 'x')],
    ],
    [
      'a compare did not fit because of a write that nobody saw and nobody answered',
      [write(0, 1, 'x'), write(2, 3, 'hidden', unknown), cas(4, 5, ['x', 'y'], false)],
    ],
    ['something was answered in the moment in which the next was called', [write(0, 5, 'x'), read(5, 6, null, other)]],
    [
      'a compare without an answer was applied',
      [write(0, 1, 'x'), cas(2, 3, ['x', 'y'], false, unknown), read(4, 5, 'y')],
    ],
  ])('%s', async (_case, history) => {
    const { verdict, summary } = await check(history);
    expect(verdict, summary).toBe('pass');
    expect(isLinearizable(history)).toBe(true);
  });
});

describe('a history is not linearizable when', () => {
  test.each<[string, KvOperation[]]>([
    ['a read returns an older value than was written', [write(0, 1, 'x'), write(2, 3, 'y'), read(4, 5, 'x')]],
    ['a read does not see a write that was over', [write(0, 1, 'x'), read(2, 3, null)]],
    ['a read returns what nobody wrote', [write(0, 1, 'x'), read(2, 3, 'z')]],
    ['a read returns what was refused', [write(0, 1, 'x', { outcome: 'fail' }), read(2, 3, 'x')]],
    [
      'the new value is seen and then the old one again, during the write',
      [write(0, 1, 'x'), write(2, 20, 'y'), read(3, 4, 'y', other), read(5, 6, 'x', other)],
    ],
    ['two compares from one value were both applied', [cas(0, 9, [null, 'x']), cas(1, 8, [null, 'y'], true, other)]],
    ['a compare did not fit though nothing else was there', [write(0, 1, 'x'), cas(2, 3, ['x', 'y'], false)]],
    ['a write takes effect before its call', [read(0, 1, 'x'), write(2, 3, 'x', unknown)]],
    [
      'a write without an answer takes effect twice',
      [...[write(0, 1, 'x', unknown), read(2, 3, 'x'), write(4, 5, 'y'), read(6, 7, 'x')]],
    ],
  ])('%s', async (_case, history) => {
    const { verdict, summary } = await check(history);
    expect(verdict, summary).toBe('fail');
    expect(isLinearizable(history)).toBe(false);
  });

  test('one key of several is not, and the finding names key, operation and what the key held', async () => {
    const { verdict, summary, culprits } = await check([
      ...[write(0, 1, 'x', { key: 'a' }), read(2, 3, 'x', { key: 'a' })],
      ...[write(0, 1, 'y', { key: 'b' }), write(2, 3, 'z', { key: 'b' }), read(4, 5, 'y', { key: 'b', node: 'n2' })],
    ]);
    expect(verdict).toBe('fail');
    expect(culprits).toHaveLength(1);
    expect(culprits[0]?.nodes).toEqual(['n2']);
    expect(summary).toBe(
      'linearizability: fail, 5 answered operations: no order explains the 3 operations on key b: with 2 of them in place ' +
        '(last the write of "y" by process 0 at a (0 to 1 ms), then the write of "z" by process 0 at a (2 to 3 ms)) ' +
        'it holds "z", which does not fit the read of "y" by process 0 at n2 (4 to 5 ms)',
    );
  });
});

test('The verdict is that of the definition on ten thousand small random histories', async () => {
  const counts = { pass: 0, fail: 0, vacuous: 0 };
  for (let seed = 1; seed <= 10_000; seed++) {
    const history = anyHistory(seed);
    const { verdict, examined, summary } = await check(history);
    const expected = isLinearizable(history) ? 'pass' : 'fail';
    if (examined === 0) counts.vacuous++;
    else {
      counts[expected]++;
      expect(verdict, `seed ${seed}: ${summary}`).toBe(expected);
    }
  }
  expect(counts.pass).toBeGreaterThan(2_000);
  expect(counts.fail).toBeGreaterThan(2_000);
});

describe('histories of a store that is linearizable', () => {
  const sizes = { operations: 400, processes: 8, keys: 4 };

  test('pass, a hundred of them', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { verdict, examined, summary } = await check(soundHistory(seed, sizes));
      expect(verdict, `seed ${seed}: ${summary}`).toBe('pass');
      expect(examined).toBeGreaterThan(300);
    }
  });

  test.each(Object.entries(anomalies))('fail with %s in them', async (_name, spoil) => {
    let spoiled = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const history = spoil(soundHistory(seed, sizes), seededRandom(seed, 1));
      if (!history) continue;
      spoiled++;
      const { verdict, summary } = await check(history);
      expect(verdict, `seed ${seed}: ${summary}`).toBe('fail');
    }
    expect(spoiled).toBeGreaterThan(30);
  });

  test('pass also with thousands of operations on one key', async () => {
    const { verdict, examined } = await check(soundHistory(7, { operations: 5_000, processes: 6, keys: 1 }));
    expect(verdict).toBe('pass');
    expect(examined).toBeGreaterThan(4_000);
  });
});

describe('a check that is cut short', () => {
  // Twenty writes at once and a read of what nobody wrote: every order has to be tried.
  const hard = [
    ...Array.from({ length: 20 }, (_, index) => write(0, 100, `w${index}`, { process: `${index}` })),
    read(101, 102, 'z'),
  ];

  test('says that it does not know, when its time or its memory is over', async () => {
    const late = await check(hard, { timeoutMs: 0 });
    expect(late).toMatchObject({ verdict: 'inconclusive', culpritCount: 0 });
    expect(late.summary).toContain('no time left');
    const full = await check(hard, { maxStates: 5_000 });
    expect(full).toMatchObject({ verdict: 'inconclusive' });
    expect(full.summary).toContain('key k was not decided after 5000 states: too many');
  });

  test('still fails for a key that it could decide', async () => {
    const easy = [write(0, 1, 'x', { key: 'e' }), read(2, 3, null, { key: 'e' })];
    expect((await check([...hard, ...easy], { maxStates: 5_000 })).verdict).toBe('fail');
  });

  test('ends at once when it is told to', async () => {
    const aborting = new AbortController();
    aborting.abort();
    await expect(check(hard, { signal: aborting.signal })).rejects.toThrow(AbortedError);
  });
});

test('Hundreds of writes without an answer, and compares that did not fit next to them, are no hard case', async () => {
  const lost = Array.from({ length: 300 }, (_, index) =>
    write(index, index + 1, `lost${index}`, { ...unknown, process: `l${index}` }),
  );
  const compares = Array.from({ length: 40 }, (_, index) => [
    write(1000 + 10 * index, 1001 + 10 * index, `w${index}`),
    cas(1002 + 10 * index, 1003 + 10 * index, [`w${index}`, 'never'], false),
  ]);
  const sound = [...lost, ...compares.flat()];
  expect((await check(sound, { maxStates: 20_000 })).verdict).toBe('pass');
  expect((await check([...sound, read(5_000, 5_001, 'never')], { maxStates: 20_000 })).verdict).toBe('fail');
});

test('A history without an answered operation shows nothing', async () => {
  expect(await verdictOf()).toBe('inconclusive');
  expect(await verdictOf(write(0, 1, 'x', unknown))).toBe('inconclusive');
});

test('What a key held before the first operation can be told', async () => {
  const history = [read(0, 1, 'old')];
  expect((await check(history)).verdict).toBe('fail');
  expect((await check(history, { initial: () => 'old' })).verdict).toBe('pass');
});
