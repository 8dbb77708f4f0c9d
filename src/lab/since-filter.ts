import type { LogLine } from './lab.ts';

/**
 * Tells, line by line in their order, whether it is from this time on. A line without a time belongs to the one before it, as the lines of
 * a stack trace do; where no time is known yet nothing is left out.
 */
export function sinceFilter(sinceMs: number | undefined): (line: Pick<LogLine, 'atMs'>) => boolean {
  let isSince = true;
  return ({ atMs }) => {
    if (sinceMs !== undefined && atMs !== undefined) isSince = atMs >= sinceMs;
    return isSince;
  };
}
