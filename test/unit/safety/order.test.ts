import { describe, expect, test } from 'vitest';
import { checkOrder } from '../../../src/safety/order.ts';
import type { WriteRecord } from '../../../src/safety/write-record.ts';
import { readingsOf, writesOf } from './chains.ts';

const write = (id: string, sentMs: number, answeredMs: number, other: Partial<WriteRecord> = {}): WriteRecord => ({
  ...{ id, node: 'a', outcome: 'acknowledged', height: Number.parseInt(id, 10), sentMs, answeredMs },
  ...other,
});

describe('order', () => {
  test('passes when the heights of writes that followed each other rise', () => {
    const check = checkOrder(readingsOf(), writesOf());
    expect(check).toMatchObject({ verdict: 'pass', culpritCount: 0 });
    expect(check.examined).toBeGreaterThanOrEqual(9);
  });

  test('fails when a write stands below one that was acknowledged before it was sent', () => {
    const check = checkOrder(readingsOf(), [write('5a', 0, 10), write('4a', 20, 30)]);
    expect(check).toMatchObject({ verdict: 'fail', culpritCount: 1, culprits: [{ transaction: '4a', height: 4 }] });
    expect(check.culprits[0]?.detail).toBe(
      'transaction 4a at height 4 was sent after 5a at height 5 had been acknowledged',
    );
  });

  test('finds it across writes in between', () => {
    const writes = [write('9a', 0, 10), write('2a', 5, 200), write('8a', 100, 110)];
    expect(checkOrder(readingsOf(), writes)).toMatchObject({ verdict: 'fail', culprits: [{ transaction: '8a' }] });
  });

  test('lets writes that were under way at the same time stand in any order', () => {
    const writes = [write('5a', 0, 100), write('4a', 99, 130), write('6a', 140, 150)];
    expect(checkOrder(readingsOf(), writes)).toMatchObject({ verdict: 'pass' });
  });

  test('fails when two writes of one key stand the wrong way round in one block', () => {
    const swapped = (key: string) => [write('5b', 0, 10, { key: 'k' }), write('5a', 20, 30, { key })];
    expect(checkOrder(readingsOf(), swapped('k'))).toMatchObject({ verdict: 'fail', culpritCount: 1 });
    expect(checkOrder(readingsOf(), swapped('k')).culprits[0]?.detail).toContain('of key k at height 5, place 0');
    expect(checkOrder(readingsOf(), swapped('other')).verdict).toBe('pass');
  });

  test('does not compare the times of different clients', () => {
    const writes = [write('5a', 0, 10, { client: 'x' }), write('4a', 20, 30, { client: 'y' })];
    const check = checkOrder(readingsOf(), [...writes, write('6a', 40, 50, { client: 'x' })]);
    expect(check).toMatchObject({ verdict: 'pass', examined: 1 });
  });

  test('is inconclusive when times or places are not known, or no write followed another', () => {
    const timeless: WriteRecord = { id: '5a', node: 'a', outcome: 'acknowledged', height: 5 };
    expect(checkOrder(readingsOf(), [...writesOf(), timeless])).toMatchObject({
      verdict: 'inconclusive',
      unknowns: [{ detail: '1 acknowledged writes have no known time or place' }],
    });
    const nowhere: WriteRecord = { id: 'x', node: 'a', outcome: 'acknowledged', sentMs: 1, answeredMs: 2 };
    expect(checkOrder(readingsOf(), [...writesOf(), nowhere]).verdict).toBe('inconclusive');
    expect(checkOrder(readingsOf(), [write('5a', 0, 10)]).summary).toContain('there were no pairs of writes');
  });
});
