import { randomInt } from 'node:crypto';

/** A number from 0 up to, not including, 1; not reproducible. What must be replayed takes a seed instead. */
export function random(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}
