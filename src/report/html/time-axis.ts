import { formatDuration } from '../format.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [1, 2, 5, 10, 15, 30]
  .flatMap((count) => [count * second, count * minute])
  .concat(
    [1, 2, 3, 6, 12].map((count) => count * hour),
    [1, 2, 5, 10].map((count) => count * day),
  )
  .sort((a, b) => a - b);

/** Round times from 0 to `endMs`, at most `atMost` of them beside 0. */
export function timeTicks(endMs: number, atMost: number): { atMs: number; label: string }[] {
  const stepMs = steps.find((step) => endMs / step <= atMost) ?? Math.ceil(endMs / atMost / day) * day;
  return Array.from({ length: Math.floor(endMs / stepMs) + 1 }, (_, index) => index * stepMs).map((atMs) => ({
    atMs,
    label: tickLabel(atMs),
  }));
}

/** Shorter than a duration in a text: `30 s`, `1:30 min`, `2:30 h`, `1.5 d`. */
function tickLabel(atMs: number): string {
  if (atMs < minute) return `${atMs / second} s`;
  if (atMs < hour) return `${clock(atMs / second)} min`;
  if (atMs < day) return `${clock(atMs / minute)} h`;
  return atMs % day === 0 ? `${atMs / day} d` : formatDuration(atMs);
}

function clock(small: number): string {
  const rest = Math.round(small % 60);
  const whole = Math.floor(small / 60);
  return rest === 0 ? String(whole) : `${whole}:${String(rest).padStart(2, '0')}`;
}
