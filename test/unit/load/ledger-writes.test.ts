import { expect, test } from 'vitest';
import type { LedgerEntry } from '../../../src/load/ledger.ts';
import { writesOf } from '../../../src/load/ledger-writes.ts';
import { checkOrder } from '../../../src/safety/order.ts';
import { readingsOf } from '../safety/chains.ts';

const entry = (sequence: number, sentAtMs: number, other: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...{ sequence, node: 'a', sentAtMs, answeredAtMs: sentAtMs + 5, outcome: 'acknowledged' },
  ...other,
});

test('a ledger’s entries are writes of one client, and what was never answered is unknown', () => {
  const { answeredAtMs, outcome, ...open } = entry(2, 200);
  expect([answeredAtMs, outcome]).toEqual([205, 'acknowledged']);
  expect(writesOf([entry(1, 100, { id: 'x', height: 3, key: 'k' }), open])).toEqual([
    ...[
      {
        node: 'a',
        client: 'clock 0',
        id: 'x',
        height: 3,
        key: 'k',
        outcome: 'acknowledged',
        sentMs: 100,
        answeredMs: 105,
      },
    ],
    { node: 'a', client: 'clock 0', outcome: 'unknown', sentMs: 200 },
  ]);
});

test('a clock that was set back between two processes is not taken for writes in the wrong order', () => {
  const before = entry(1, 5_000, { id: '4a', height: 4 });
  const after = [entry(2, 1_000, { id: '6a', height: 6 }), entry(3, 2_000, { id: '7a', height: 7 })];
  expect(checkOrder(readingsOf(), writesOf([before, ...after]))).toMatchObject({ verdict: 'pass', examined: 1 });
  const wrong = [entry(1, 1_000, { id: '6a', height: 6 }), entry(2, 5_000, { id: '4a', height: 4 })];
  expect(checkOrder(readingsOf(), writesOf(wrong)).verdict).toBe('fail');
});
