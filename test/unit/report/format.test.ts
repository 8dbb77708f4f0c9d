import { expect, test } from 'vitest';
import {
  formatCount,
  formatDuration,
  formatInstant,
  formatParameters,
  plural,
  shortHash,
} from '../../../src/report/format.ts';
import { timeTicks } from '../../../src/report/html/time-axis.ts';

test('durations take the unit that fits, and never round up into a unit that was left', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [850.4, '850 ms'],
    [999.6, '1.0 s'],
    [12_340, '12.3 s'],
    [59_949, '59.9 s'],
    [59_960, '1 min 00 s'],
    [245_000, '4 min 05 s'],
    [3_599_600, '1 h 00 min'],
    [11_220_000, '3 h 07 min'],
    [187_200_000, '2 d 4 h'],
  ];
  for (const [ms, text] of cases) expect(formatDuration(ms), String(ms)).toBe(text);
});

test('counts, instants, hashes and parameters are written for people', () => {
  expect(formatCount(1234567)).toBe('1,234,567');
  expect(plural(1, 'node')).toBe('1 node');
  expect(plural(2000, 'node')).toBe('2,000 nodes');
  expect(formatInstant('2026-01-02T03:04:05.678Z')).toBe('2026-01-02 03:04:05 UTC');
  expect(shortHash('sha256:0123456789abcdef')).toBe('0123456789ab');
  expect(formatParameters({ version: '1.1.0', wait: '5' })).toBe('version=1.1.0, wait=5');
});

test('a time axis has round times, as many as fit', () => {
  const labels = (endMs: number, atMost: number): string[] => timeTicks(endMs, atMost).map(({ label }) => label);
  expect(labels(33_000, 10)).toEqual(['0 s', '5 s', '10 s', '15 s', '20 s', '25 s', '30 s']);
  expect(labels(33_000, 4)).toEqual(['0 s', '10 s', '20 s', '30 s']);
  expect(labels(150_000, 6)).toEqual(['0 s', '30 s', '1 min', '1:30 min', '2 min', '2:30 min']);
  expect(labels(3 * 86_400_000, 4)).toEqual(['0 s', '1 d', '2 d', '3 d']);
  for (const endMs of [1, 999, 4_000_000, 900_000_000, 90_000_000_000]) {
    expect(timeTicks(endMs, 10).length, String(endMs)).toBeLessThanOrEqual(11);
  }
});

test('of many parameters the first ones are named', () => {
  const many = { version: '1.1.0', nodes: 'all', batch: '1' };
  expect(formatParameters(many, 2)).toBe('version=1.1.0, nodes=all, …');
  expect(formatParameters(many, 3)).toBe('version=1.1.0, nodes=all, batch=1');
});
