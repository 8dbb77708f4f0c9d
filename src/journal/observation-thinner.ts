import type { ObservationLine } from './records.ts';

/** A chart has about half as many points over the whole run, however long it becomes. */
const linesPerRun = 960;
/** Days of a run must stay small, and a crash costs no more of the chart than this. */
const maxStepMs = 120_000;
/** Below it everything is kept. */
const minStepMs = 1000;

interface SeenNode {
  written: ObservationLine;
  /** Lines since then, joined. */
  held: ObservationLine | undefined;
}

/**
 * Leaves out what a chart of the run could not show: the longer the run, the further apart the lines of a node whose state, release
 * and peers do not change. A line that stands for several holds the sum of their counts, and since when.
 */
export class ObservationThinner {
  #startMs: number | undefined;
  readonly #nodes = new Map<string, SeenNode>();

  /** `startMs`: time of the run's first line, when there are some already. */
  constructor(startMs?: number) {
    this.#startMs = startMs;
  }

  /** The lines to be written now. */
  add(line: ObservationLine): ObservationLine[] {
    this.#startMs ??= line.atMs;
    const seen = this.#nodes.get(line.node);
    const stepMs = Math.min(maxStepMs, (line.atMs - this.#startMs) / linesPerRun);
    if (!seen) return this.#write(line, []);
    const before = seen.held ?? seen.written;
    if (isChange(before, line) || line.atMs < before.atMs) return this.#write(line, seen.held ? [seen.held] : []);
    const joined = seen.held ? join(seen.held, line) : { ...line, sinceMs: seen.written.atMs };
    if (stepMs < minStepMs || line.atMs - seen.written.atMs >= stepMs) {
      return this.#write(seen.held ? joined : line, []);
    }
    seen.held = joined;
    return [];
  }

  /** What is held back. */
  rest(): ObservationLine[] {
    return [...this.#nodes.values()].flatMap(({ held }) => held ?? []);
  }

  #write(line: ObservationLine, before: ObservationLine[]): ObservationLine[] {
    this.#nodes.set(line.node, { written: line, held: undefined });
    return [...before, line];
  }
}

function isChange(a: ObservationLine, b: ObservationLine): boolean {
  return (
    a.state !== b.state ||
    a.alive !== b.alive ||
    a.version !== b.version ||
    a.digest !== b.digest ||
    a.peers !== b.peers
  );
}

function join(held: ObservationLine, line: ObservationLine): ObservationLine {
  return {
    ...line,
    acknowledged: held.acknowledged + line.acknowledged,
    errors: held.errors + line.errors,
    ...(held.sinceMs !== undefined && { sinceMs: held.sinceMs }),
  };
}
