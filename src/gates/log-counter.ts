import type { Lab, LogLine } from '../lab/lab.ts';
import type { TopologyNode } from '../topology/topology.ts';
import type { Answer, LogCount, NodeReading } from './readings.ts';
import type { SlotDeadline } from './slot-deadline.ts';

/** Lines that are read at once; what a node writes beyond that between two slots is not looked at. */
const tail = 2000;
const shownCharacters = 200;
/** Of a node that has been running for longer, only what it logs from now on is counted. */
const youngMs = 300_000;

interface Counter extends LogCount {
  instance: string;
  /** Newest time that was counted, and how many lines of that very time. */
  cursorMs: number;
  atCursor: number;
}

export type LogCounter = (
  node: TopologyNode,
  observation: NodeReading['observation'],
  slot: { atMs: number; deadline: SlotDeadline; timeoutMs: number },
) => Promise<Answer<LogCount>>;

/** Counts what the present start of each node logs, and how much of it is an error; each line once. */
export function logCounter(lab: Lab, matches: string): LogCounter {
  const pattern = new RegExp(matches);
  const counters = new Map<string, Counter>();

  return async (node, observation, { atMs, deadline, timeoutMs }) => {
    const identity = observation.ok ? observation.value.identity : undefined;
    let counter = counters.get(node.name);
    if (identity && identity.instance !== counter?.instance) {
      const isYoung = atMs - identity.startedAtMs < youngMs;
      counter = {
        ...{ instance: identity.instance, lines: 0, errors: 0, isTimed: false, atCursor: 0 },
        cursorMs: isYoung || counter ? identity.startedAtMs : NaN,
      };
      counters.set(node.name, counter);
    }
    if (!counter) return { ok: false, error: `what runs as ${node.name} could not be read` };
    const { cursorMs } = counter;
    const isFirst = Number.isNaN(cursorMs);
    const range = isFirst ? { tail: 1 } : { tail, sinceMs: cursorMs };
    const options = { ...range, timeoutMs, signal: deadline.signal };
    const answer = await deadline.answer(() => lab.logs(node, options));
    if (!answer.ok) return answer;
    count(counter, answer.value, isFirst ? undefined : pattern);
    // The log was empty: whatever comes is new.
    if (Number.isNaN(counter.cursorMs)) counter.cursorMs = 0;
    const { lines, errors, isTimed, lastError } = counter;
    return { ok: true, value: { lines, errors, isTimed, ...(lastError === undefined ? {} : { lastError }) } };
  };
}

/** Without a pattern the lines only show that there is a log and where it stands. */
function count(counter: Counter, read: readonly LogLine[], pattern: RegExp | undefined): void {
  let toSkip = counter.atCursor;
  let lineMs: number | undefined;
  for (const { atMs, text } of read) {
    // A line without a time belongs to the one before it.
    lineMs = atMs ?? lineMs;
    if (lineMs === undefined) {
      if (!counter.isTimed) counter.lines++;
      continue;
    }
    counter.isTimed = true;
    if (lineMs < counter.cursorMs) continue;
    if (lineMs === counter.cursorMs && toSkip > 0) {
      toSkip--;
      continue;
    }
    counter.atCursor = lineMs === counter.cursorMs ? counter.atCursor + 1 : 1;
    counter.cursorMs = lineMs;
    counter.lines++;
    if (!pattern?.test(text)) continue;
    counter.errors++;
    counter.lastError = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  }
}
