import { expect, test } from 'vitest';
import { detailText, eventText } from '../../../src/report/event-text.ts';

test('facts of an effect are told by name, hashes by their beginning alone', () => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  expect(detailText({ height: 7, digest, hash: 'cd'.repeat(32), folder: 'snapshots/one' })).toBe(
    ' (height 7, digest abababababab, hash cdcdcdcdcdcd, folder snapshots/one)',
  );
  expect(detailText({})).toBe('');
});

test.each([
  ['started', Date.UTC(2026, 4, 1, 12, 30), 'slo: counted from 2026-05-01 12:30:00 UTC'],
  ['backup', '20260501-1', 'slo: backup 20260501-1'],
  ['leader', 'validator-2', 'slo: validator-2 leads'],
  ['seed', 17, 'slo: seed 17'],
])('what a run chose is told in words: %s', (name, value, text) => {
  expect(eventText({ type: 'choice', step: 'slo', name, value })).toEqual({ text, tone: 'neutral' });
});
