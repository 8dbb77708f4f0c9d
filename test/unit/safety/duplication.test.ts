import { describe, expect, test } from 'vitest';
import { checkDuplication } from '../../../src/safety/duplication.ts';
import type { WriteRecord } from '../../../src/safety/write-record.ts';
import { blockAt, chainOf, readingsOf, withGap, writesOf } from './chains.ts';

const withCopy = (height: number, id: string) => ({
  [height]: { ...blockAt(height), transactions: [`${height}a`, id] },
});

describe('duplication', () => {
  test('passes when every write stands once', () => {
    expect(checkDuplication(readingsOf(), writesOf())).toMatchObject({ verdict: 'pass', examined: 10 });
  });

  test('fails when a write stands at two heights of a node', () => {
    const check = checkDuplication(readingsOf({ b: chainOf('b', 10, withCopy(8, '3a')) }), writesOf());
    expect(check).toMatchObject({ verdict: 'fail', culprits: [{ transaction: '3a', height: 8, nodes: ['b'] }] });
    expect(check.culprits[0]?.detail).toBe('transaction 3a stands at heights 3, 8 on b');
  });

  test('fails when a write stands twice in one block', () => {
    expect(checkDuplication(readingsOf({ b: chainOf('b', 10, withCopy(3, '3a')) }), writesOf()).verdict).toBe('fail');
  });

  test('counts a write whose answer was lost as well, and no write of strangers', () => {
    const unknown: WriteRecord = { id: '3b', node: 'a', outcome: 'unknown' };
    const readings = readingsOf({ b: chainOf('b', 10, withCopy(8, '3b')) });
    expect(checkDuplication(readings, [unknown]).verdict).toBe('fail');
    expect(checkDuplication(readings, writesOf()).verdict).toBe('pass');
  });

  test('is inconclusive when a copy could hide, or nothing was written', () => {
    expect(checkDuplication(readingsOf({ b: withGap(chainOf('b', 10), 2, 3) }), writesOf()).verdict).toBe(
      'inconclusive',
    );
    expect(checkDuplication(readingsOf(), []).summary).toContain('there were no writes to look at');
    const untold = readingsOf({ b: chainOf('b', 10, { 4: { hashes: {} } }) });
    expect(checkDuplication(untold, writesOf()).verdict).toBe('inconclusive');
  });
});
