import { expect, test } from 'vitest';
import { SlotTally } from '../../../src/gates/tally.ts';

const about = { check: 'peers', node: 'node-0', critical: false, advisory: false };

test('the summary of a short gate has a mark a slot', () => {
  const tally = new SlotTally(about, 10, 2);
  for (let slot = 0; slot < 2000; slot++) {
    tally.push(slot === 1000 ? { state: 'BAD', detail: 'no peers' } : { state: 'OK' });
  }
  const { slots, slotsPerMark, ok, bad } = tally.summary();
  expect(slots).toHaveLength(2000);
  expect(slots.indexOf('-')).toBe(1000);
  expect(slotsPerMark).toBeUndefined();
  expect({ ok, bad }).toEqual({ ok: 1999, bad: 1 });
});

test('the summary of days is short, keeps every count and hides nothing that was not OK', () => {
  const tally = new SlotTally(about, 120_960, 120);
  for (let slot = 0; slot < 120_960; slot++) {
    if (slot === 60_001) tally.push({ state: 'BAD', detail: 'no peers' });
    else if (slot === 90_002) tally.push({ state: 'UNKNOWN', reason: 'stale' });
    else tally.push({ state: 'OK' });
  }
  const { slots, slotsPerMark, ok, bad, unknown } = tally.summary();
  expect({ ok, bad, unknown }).toEqual({ ok: 120_958, bad: 1, unknown: 1 });
  expect(slotsPerMark).toBe(61);
  expect(slots.length).toBe(Math.ceil(120_960 / 61));
  expect(slots.indexOf('-')).toBe(Math.floor(60_001 / 61));
  expect(slots.indexOf('?')).toBe(Math.floor(90_002 / 61));
});
