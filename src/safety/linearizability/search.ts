import type { KvOperation } from './kv-history.ts';
import { after, unseen } from './register.ts';
import type { Register } from './register.ts';
import { Taken } from './taken.ts';
import { putBack, takeOut, timelineOf } from './timeline.ts';
import type { TimelineEvent } from './timeline.ts';

/** How far the best attempt came. */
export interface Stuck {
  /** What could not be placed any more. */
  operation: KvOperation;
  register: Register;
  /** The operations that had been placed, in their order. */
  placed: readonly KvOperation[];
}

export type SearchOutcome = 'found' | 'impossible' | 'undecided';

/** Where the search is: at an event, or, come to an answer, at one of the operations that nobody answered and that were called by then. */
type Place = { event: TimelineEvent } | { unanswered: number; beforeMs: number };

/**
 * Looks for an order of the operations on one key in which each takes effect between its call and its answer. The search of Wing and Gong ("Testing
 * and verifying concurrent objects", 1993) with Lowe's memory of what was tried ("Testing for linearizability", 2017): a set of placed operations
 * that leads to a value it had led to before leads nowhere new. What nobody answered is tried where nothing else fits, and need not be placed.
 */
export class Search {
  readonly #head: TimelineEvent;
  readonly #unanswered: readonly KvOperation[];
  readonly #taken: Taken;
  readonly #takenUnanswered = new Set<number>();
  readonly #tried = new Set<string>();
  readonly #maxStates: number;
  readonly #stack: { at: Place; operation: KvOperation; register: Register }[] = [];
  #register: Register;
  #at: Place | undefined;
  #outcome: SearchOutcome = 'undecided';
  #answersLeft: number;
  stuck: Stuck | undefined;

  constructor(operations: readonly KvOperation[], initial: Register, maxStates: number) {
    const ordered = [...operations].sort((a, b) => a.callMs - b.callMs);
    const answered = ordered.filter(({ outcome }) => outcome === 'ok');
    this.#unanswered = ordered.filter(({ outcome }) => outcome !== 'ok');
    this.#answersLeft = answered.length;
    this.#taken = new Taken(answered.length);
    this.#head = timelineOf(answered);
    this.#register = initial;
    this.#maxStates = maxStates;
    this.#toFirstEvent();
  }

  /** States tried so far. */
  get states(): number {
    return this.#tried.size;
  }

  get isFull(): boolean {
    return this.#tried.size >= this.#maxStates;
  }

  /** Goes on for so many steps; asked again it goes on from there. */
  run(steps: number): SearchOutcome {
    for (let step = 0; this.#outcome === 'undecided' && step < steps && !this.isFull; step++) this.#step();
    return this.#outcome;
  }

  #step(): void {
    const at = this.#at;
    if (this.#answersLeft === 0 || at === undefined) {
      this.#outcome = 'found';
    } else if ('unanswered' in at) {
      this.#tryUnanswered(at);
    } else if (at.event.answer) {
      if (!this.#tryAnswered(at.event)) this.#at = at.event.next && { event: at.event.next };
    } else {
      // Time has come to an answer whose operation has no place yet: something else must take effect before it.
      this.#noteStuck(at.event.operation);
      this.#at = { unanswered: 0, beforeMs: at.event.operation.returnMs };
    }
  }

  #tryAnswered(call: TimelineEvent): boolean {
    const register = after(this.#register, call.operation);
    if (register === undefined) return false;
    this.#taken.add(call.index);
    if (!this.#isNews(register)) {
      this.#taken.remove(call.index);
      return false;
    }
    takeOut(call);
    this.#answersLeft--;
    this.#goOnFrom({ event: call }, call.operation, register);
    return true;
  }

  #tryUnanswered(at: { unanswered: number; beforeMs: number }): void {
    const { unanswered: index, beforeMs } = at;
    const operation = this.#unanswered[index];
    if (!operation || operation.callMs > beforeMs) {
      this.#takeBack();
      return;
    }
    this.#at = { unanswered: index + 1, beforeMs };
    if (this.#takenUnanswered.has(index) || this.#hasTwinBefore(index)) return;
    const register = after(this.#register, operation);
    if (register === undefined) return;
    this.#takenUnanswered.add(index);
    if (this.#isNews(register)) this.#goOnFrom(at, operation, register);
    else this.#takenUnanswered.delete(index);
  }

  /** Of writes whose value nobody saw one is like the other: the one called first stands for all that are left. */
  #hasTwinBefore(index: number): boolean {
    const isUnseen = (operation?: KvOperation): boolean => operation?.kind === 'write' && operation.value === unseen;
    if (!isUnseen(this.#unanswered[index])) return false;
    for (let at = 0; at < index; at++) {
      if (isUnseen(this.#unanswered[at]) && !this.#takenUnanswered.has(at)) return true;
    }
    return false;
  }

  /** Whether what is taken has never led to this value before; from now on it has. */
  #isNews(register: Register): boolean {
    const unanswered = [...this.#takenUnanswered].sort((a, b) => a - b).join(',');
    const state = `${this.#taken.key()}/${unanswered} ${register === null ? '' : `=${register}`}`;
    if (this.#tried.has(state)) return false;
    this.#tried.add(state);
    return true;
  }

  #goOnFrom(at: Place, operation: KvOperation, register: Register): void {
    this.#stack.push({ at, operation, register: this.#register });
    this.#register = register;
    this.#toFirstEvent();
  }

  #takeBack(): void {
    const last = this.#stack.pop();
    if (!last) {
      this.#outcome = 'impossible';
      return;
    }
    const { at, register } = last;
    this.#register = register;
    if ('unanswered' in at) {
      this.#takenUnanswered.delete(at.unanswered);
      this.#at = { ...at, unanswered: at.unanswered + 1 };
      return;
    }
    this.#taken.remove(at.event.index);
    putBack(at.event);
    this.#answersLeft++;
    this.#at = at.event.next && { event: at.event.next };
  }

  #toFirstEvent(): void {
    this.#at = this.#head.next && { event: this.#head.next };
  }

  #noteStuck(operation: KvOperation): void {
    if (this.stuck && this.stuck.placed.length >= this.#stack.length) return;
    this.stuck = { operation, register: this.#register, placed: this.#stack.map((placed) => placed.operation) };
  }
}
