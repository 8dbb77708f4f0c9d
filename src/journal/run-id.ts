import type { Clock } from '../core/clock.ts';

const runIdPattern = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[0-9a-f]{4}$/;

/**
 * A new run id, `<yyyymmdd-hhmmss>-<4 hex>` in UTC: ids sort by time, and the random part keeps two runs of one second apart.
 * `random` returns a number in [0, 1).
 */
export function newRunId(clock: Clock, random: () => number): string {
  const stamp = new Date(clock.wallMs()).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const suffix = Math.floor(random() * 0x10000);
  return `${stamp}-${suffix.toString(16).padStart(4, '0')}`;
}

/** The time in a run id as ISO 8601, or undefined when the text is no run id. */
export function timeOfRunId(id: string): string | undefined {
  const match = runIdPattern.exec(id);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
