import type { LogLine } from '../../lab/lab.ts';

export interface LineSelection {
  untilMs?: number | undefined;
  pattern?: RegExp | undefined;
  /** Only so many of those that fit, the newest. */
  tail?: number | undefined;
}

/** The lines that fit, in their order. A line without a time belongs to the one before it. */
export async function* selectLines(
  lines: AsyncIterable<LogLine>,
  { untilMs, pattern, tail }: LineSelection,
): AsyncGenerator<LogLine> {
  let newest: LogLine[] = [];
  let isUntil = true;
  for await (const line of lines) {
    if (untilMs !== undefined && line.atMs !== undefined) isUntil = line.atMs <= untilMs;
    if (!isUntil || (pattern && !pattern.test(line.text))) continue;
    if (tail === undefined) {
      yield line;
      continue;
    }
    newest.push(line);
    if (newest.length > 2 * tail) newest = newest.slice(-tail);
  }
  if (tail !== undefined) yield* newest.slice(-tail);
}
