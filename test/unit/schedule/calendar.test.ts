import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nextTime, parseCalendar, systemdCalendars } from '../../../src/schedule/calendar.ts';

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const zone = process.env['TZ'];

beforeEach(() => {
  process.env['TZ'] = 'Europe/London';
});
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const expressions = [
  'hourly',
  'daily',
  'weekly',
  'monthly',
  'quarterly',
  '*/20 5-7 * * *',
  '30 4 * * mon-fri',
  '0 0 13 * fri',
  '15 12 29 2 *',
  '5 23 * jan,6-8 7',
  '0 6 10/7 * *',
];

function timesOf(expression: string, from: Date, count: number): string[] {
  const calendar = parseCalendar(expression);
  const times: string[] = [];
  for (let at: Date | undefined = from; times.length < count;) {
    at = nextTime(calendar, at);
    if (!at) throw new Error(`${expression} ends`);
    times.push(at.toISOString());
  }
  return times;
}

/** What systemd itself makes of one OnCalendar. */
function systemdTimes(calendar: string, from: Date, count: number): string[] {
  const args = ['calendar', `--iterations=${count}`, `--base-time=@${from.getTime() / 1000}`, calendar];
  const { stdout, stderr, status } = spawnSync('systemd-analyze', args, {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'Europe/London', LC_ALL: 'C' },
  });
  if (status !== 0) throw new Error(stderr);
  // Where the zone is not UTC the same time is told in UTC as well.
  return [...stdout.matchAll(/\(in UTC\): \w+ (\S+) (\S+) UTC/g)].map(([, day, time]) => `${day}T${time}.000Z`);
}

describe('a calendar', () => {
  test('daily is at three in the morning, local time, winter and summer', () => {
    const times = timesOf('daily', new Date('2026-03-27T12:00:00Z'), 3);
    expect(times).toEqual(['2026-03-28T03:00:00.000Z', '2026-03-29T02:00:00.000Z', '2026-03-30T02:00:00.000Z']);
  });

  test('quarterly is the first day of a quarter', () => {
    expect(timesOf('quarterly', new Date('2026-01-01T03:00:00Z'), 4).map((time) => time.slice(0, 10))).toEqual([
      '2026-04-01',
      '2026-07-01',
      '2026-10-01',
      '2027-01-01',
    ]);
  });

  test('a day and a weekday are either of them, as in cron', () => {
    expect(timesOf('0 0 13 * fri', new Date('2026-02-01T00:00:00Z'), 4).map((time) => time.slice(0, 10))).toEqual([
      '2026-02-06',
      '2026-02-13',
      '2026-02-20',
      '2026-02-27',
    ]);
  });

  test.skipIf(!hasSystemd)('systemd-analyze is there: it comes to the same times for every expression', () => {
    const from = new Date('2026-02-10T10:07:00Z');
    for (const expression of expressions) {
      const count = 12;
      const each = systemdCalendars(parseCalendar(expression)).flatMap((one) => systemdTimes(one, from, count));
      const all = [...new Set(each)].sort().slice(0, count);
      expect(all.length, expression).toBeGreaterThanOrEqual(3);
      expect(timesOf(expression, from, all.length), expression).toEqual(all);
    }
  });

  test.each([
    ['quaterly', 'did you mean quarterly?'],
    ['sometimes', 'five fields as in cron'],
    ['0 3 * *', 'five fields as in cron'],
    ['60 3 * * *', 'its minute "60" is no value, range or step within 0-59'],
    ['0 3 0 * *', 'its day "0"'],
    ['0 3 * * fry', 'its weekday "fry"'],
    ['0 5-3 * * *', 'its hour "5-3"'],
    ['*/0 * * * *', 'its minute "*/0"'],
    ['0 3 * * 1-2-3', 'its weekday "1-2-3"'],
    ['0 3 *-4 * *', 'its day "*-4"'],
    ['0 3 30 feb *', 'there is no such day'],
    ['@reboot', 'five fields as in cron'],
    ['', 'five fields as in cron'],
  ])('%j is refused: %s', (text, message) => {
    expect(() => parseCalendar(text)).toThrow(message);
  });
});
