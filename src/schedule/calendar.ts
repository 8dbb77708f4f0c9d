import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';

/** When something is due, in the local time of the machine: each field lists the values that match. */
export interface Calendar {
  /** Five fields, as cron takes them. */
  expression: string;
  minutes: number[];
  hours: number[];
  /** From 1. */
  days: number[];
  /** From 1. */
  months: number[];
  /** 0 is Sunday. */
  weekdays: number[];
  /** Both the day and the weekday are restricted: either of them is enough then. */
  isEitherDay: boolean;
}

/** At three in the morning: the hour between two and three is the one that is left out or doubled when clocks change. */
const named: Readonly<Record<string, string>> = {
  hourly: '0 * * * *',
  daily: '0 3 * * *',
  weekly: '0 3 * * 1',
  monthly: '0 3 1 * *',
  quarterly: '0 3 1 1,4,7,10 *',
};

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  name: string;
  least: number;
  most: number;
  names?: readonly string[];
}

const fields = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: monthNames },
  // 7 is Sunday as well.
  { name: 'weekday', least: 0, most: 7, names: weekdayNames },
] as const satisfies readonly Field[];

/**
 * `hourly`, `daily`, `weekly`, `monthly`, `quarterly`, or five fields as cron takes them (`30 4 * * mon-fri`). Throws UsageError for anything
 * else, and for what never comes.
 */
export function parseCalendar(text: string): Calendar {
  const words = (named[text] ?? text).trim().toLowerCase().split(/\s+/);
  if (words.length !== fields.length) {
    const hint = words.length === 1 ? didYouMean(text, Object.keys(named)) : '';
    throw new UsageError(
      `--every cannot be "${text}"${hint || `; valid are: ${Object.keys(named).join(', ')}`}; or five fields as in cron: minute hour day month weekday`,
    );
  }
  const [minutes, hours, days, months, weekdays] = fields.map((field, index) =>
    parseField(words[index] ?? '', field, text),
  ) as [number[], number[], number[], number[], number[]];
  const calendar: Calendar = {
    expression: words.join(' '),
    minutes,
    hours,
    days,
    months,
    weekdays: [...new Set(weekdays.map((day) => day % 7))].sort((a, b) => a - b),
    isEitherDay: !isStar(words[2]) && !isStar(words[4]),
  };
  if (!nextTime(calendar, new Date(2024, 0, 1))) {
    throw new UsageError(`--every cannot be "${text}": there is no such day`);
  }
  return calendar;
}

function isStar(word = ''): boolean {
  return word.startsWith('*');
}

function parseField(word: string, field: Field, text: string): number[] {
  const values = new Set<number>();
  for (const part of word.split(',')) {
    const [, range = '', step] = /^([^/]+)(?:\/(\d+))?$/.exec(part) ?? [];
    const [from = '', to, ...more] = range.split('-');
    const every = step === undefined ? 1 : Number(step);
    const [first, last] = isStar(range)
      ? [field.least, field.name === 'weekday' ? 6 : field.most]
      : [valueOf(from, field), valueOf(to ?? (step === undefined ? from : String(field.most)), field)];
    const isSound = (range === '*' || !range.includes('*')) && more.length === 0 && every >= 1;
    if (!isSound || first === undefined || last === undefined || first > last) {
      throw new UsageError(
        `--every cannot be "${text}": its ${field.name} "${part}" is no value, range or step within ${field.least}-${field.most}`,
      );
    }
    for (let value = first; value <= last; value += every) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function valueOf(word: string, { least, most, names }: Field): number | undefined {
  const index = names?.indexOf(word) ?? -1;
  if (index >= 0) return index + least;
  const value = /^\d+$/.test(word) ? Number(word) : NaN;
  return value >= least && value <= most ? value : undefined;
}

/** The first time after this one that matches, in local time; undefined when none does within eight years, the longest from one 29 February to the next. */
export function nextTime(calendar: Calendar, after: Date): Date | undefined {
  const { minutes, hours, days, months, weekdays, isEitherDay } = calendar;
  for (let ahead = 0; ahead <= 8 * 366; ahead += 1) {
    const day = new Date(after.getFullYear(), after.getMonth(), after.getDate() + ahead);
    const [isDay, isWeekday] = [days.includes(day.getDate()), weekdays.includes(day.getDay())];
    if (!months.includes(day.getMonth() + 1) || !(isEitherDay ? isDay || isWeekday : isDay && isWeekday)) continue;
    for (const hour of hours) {
      for (const minute of minutes) {
        const time = new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute);
        if (time > after) return time;
      }
    }
  }
  return undefined;
}

/** The same times as systemd's `OnCalendar=` takes them; together they are all. */
export function systemdCalendars({ minutes, hours, days, months, weekdays, isEitherDay }: Calendar): string[] {
  const list = (values: readonly number[], count: number, first = 0): string =>
    values.length === count && values[0] === first
      ? '*'
      : values.map((value) => String(value).padStart(2, '0')).join(',');
  const time = `${list(hours, 24)}:${list(minutes, 60)}:00`;
  const month = list(months, 12, 1);
  const onDay = `*-${month}-${list(days, 31, 1)} ${time}`;
  const names = weekdays.map((day) => weekdayNames[day]?.replace(/^./, (letter) => letter.toUpperCase())).join(',');
  const weekdayPrefix = weekdays.length === 7 ? '' : `${names} `;
  return isEitherDay ? [onDay, `${weekdayPrefix}*-${month}-* ${time}`] : [`${weekdayPrefix}${onDay}`];
}
