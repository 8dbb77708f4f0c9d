import type { KvOperation } from './kv-history.ts';

/** An event in a list from which operations are taken out as they are given their place, and put back. */
export interface TimelineEvent {
  operation: KvOperation;
  /** Number of the operation in the order of calls. */
  index: number;
  /** The answer to a call; an answer has none. */
  answer?: TimelineEvent;
  previous?: TimelineEvent;
  next?: TimelineEvent | undefined;
}

/**
 * Calls and answers of answered operations by time. At one and the same moment calls come first: it is not known that one thing was over before
 * the other. The result is in front of the first event.
 */
export function timelineOf(operations: readonly KvOperation[]): TimelineEvent {
  const events = operations.flatMap((operation, index): TimelineEvent[] => {
    const answer: TimelineEvent = { operation, index };
    return [{ operation, index, answer }, answer];
  });
  const timeOf = ({ answer, operation }: TimelineEvent): number => (answer ? operation.callMs : operation.returnMs);
  events.sort((a, b) => timeOf(a) - timeOf(b) || Number(b.answer !== undefined) - Number(a.answer !== undefined));
  const head = { index: -1 } as TimelineEvent;
  let last = head;
  for (const event of events) {
    last.next = event;
    event.previous = last;
    last = event;
  }
  return head;
}

/** Takes an operation out by its call. */
export function takeOut(call: TimelineEvent): void {
  for (const { previous, next } of call.answer ? [call, call.answer] : [call]) {
    if (previous) previous.next = next;
    if (previous && next) next.previous = previous;
  }
}

/** Undoes the newest {@link takeOut} that is not undone yet. */
export function putBack(call: TimelineEvent): void {
  for (const event of call.answer ? [call.answer, call] : [call]) {
    if (event.previous) event.previous.next = event;
    if (event.next) event.next.previous = event;
  }
}
