import { expect, test } from 'vitest';
import { pastTime } from '../../../../src/cli/past-time.ts';

const nowMs = Date.UTC(2026, 4, 1, 12);

test.each([
  ['now', nowMs],
  ['-90s', nowMs - 90_000],
  ['90m', nowMs - 5_400_000],
  ['-1.5h', nowMs - 5_400_000],
  ['-2d', nowMs - 172_800_000],
  ['2026-05-01T11:00:00Z', nowMs - 3_600_000],
  ['2026-05-01T14:00:00+02:00', nowMs],
])('%s is a time', (text, expected) => {
  expect(pastTime(text, nowMs)).toBe(expected);
});

test.each(['', 'yesterday', '90', '-90', '-5w', '2026-05-01', '1795225252'])('"%s" is none', (text) => {
  expect(() => pastTime(text, nowMs)).toThrow(/is no time: write/);
});
