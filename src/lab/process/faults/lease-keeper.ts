import { rm } from 'node:fs/promises';
import type { Clock } from '../../../core/clock.ts';
import { LabError, messageOf } from '../../../core/errors.ts';
import { readJsonFile, writeFileAtomic } from '../../../core/files.ts';
import type { FaultState } from '../../faults.ts';
import type { LeaseRequest } from '../daemon/control-protocol.ts';
import type { FaultTools, KindLease } from './fault-kind.ts';
import { capabilitiesOf, kindOf } from './kinds.ts';

/** A lease as it is written down, so that a daemon that comes later undoes it. */
interface StoredLease extends KindLease {
  state: 'armed' | 'injected';
}

interface HeldLease extends StoredLease {
  expiresAtMs: number;
  /** Ends the countdown. */
  over: AbortController;
  /** One thing at a time is done to a lease. */
  turn: Promise<unknown>;
  /** Of the last try to undo it. */
  failure?: string;
  /** An earlier daemon has left it. */
  isLeft: boolean;
}

const RETRY_MS = 1000;
const LONGEST_TTL_MS = 24 * 60 * 60_000;

/** The leases of all faults on a process lab, with their dead-men. */
export class LeaseKeeper {
  readonly #tools: FaultTools;
  readonly #clock: Clock;
  readonly #file: string;
  readonly #stateDir: string;
  readonly #held = new Map<string, HeldLease>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: { tools: FaultTools; file: string; stateDir: string }) {
    this.#tools = options.tools;
    this.#clock = options.tools.clock;
    this.#file = options.file;
    this.#stateDir = options.stateDir;
  }

  /** Whether any fault is armed or acts, or could not be undone so far. */
  get isHolding(): boolean {
    return this.#held.size > 0;
  }

  /** Knows, when it resolves, what an earlier daemon has left, and has begun to undo it. */
  async undoLeft(): Promise<void> {
    const stored = (await readJsonFile<StoredLease[]>(this.#file)) ?? [];
    for (const one of stored) this.#hold(one, 0, true);
  }

  async arm({ id, node: name, action, ttlMs }: LeaseRequest): Promise<void> {
    const refuse = (why: string): never => {
      throw new LabError(`${action.kind} cannot be armed on ${name}: ${why}`, { details: { node: name, fault: id } });
    };
    const lack = (await capabilitiesOf(this.#stateDir))[action.kind];
    if (lack !== true) refuse(lack);
    const kind = kindOf(action);
    const node = await this.#tools.lab.defined(name);
    if (!kind || !node) return refuse('there is no such node');
    if (!/^[a-z0-9-]{1,48}$/.test(id)) refuse(`${id} is no id: lower-case letters, digits and dashes, 48 at most`);
    if (!(ttlMs > 0 && ttlMs <= LONGEST_TTL_MS)) refuse(`a time of ${ttlMs} ms is not possible`);
    const lease: StoredLease = { id, node, action, memo: {}, state: 'armed' };
    await kind.check?.(lease, this.#tools);
    const others = [...this.#held.values()];
    if (this.#held.has(id)) refuse(`the id ${id} is taken`);
    const same = others.find((other) => other.node.name === name && other.action.kind === action.kind);
    if (same) refuse(`fault ${same.id} does the same there already`);
    const held = this.#hold(lease, ttlMs, false);
    try {
      await this.#write();
    } catch (error) {
      this.#drop(held);
      throw error;
    }
  }

  inject(node: string, id: string): Promise<void> {
    const held = this.#require(node, id, 'injected');
    return this.#inTurn(held, async () => {
      if (this.#held.get(id) !== held) this.#require(node, id, 'injected');
      if (held.state === 'injected') return;
      const keep = async (memo: Record<string, unknown>): Promise<void> => {
        held.memo = memo;
        held.state = 'injected';
        await this.#write();
      };
      await kindOf(held.action)?.inject(held, this.#tools, keep);
    });
  }

  extend(node: string, id: string, ttlMs: number): void {
    const held = this.#require(node, id, 'extended');
    held.over.abort();
    held.over = new AbortController();
    held.expiresAtMs = this.#clock.monotonicMs() + ttlMs;
    void this.#countDown(held);
  }

  async inspect(node: string, id: string): Promise<FaultState> {
    const held = this.#find(node, id);
    return held ? this.#stateOf(held) : { id, node, kind: 'cut', state: 'absent', effect: {} };
  }

  async heal(node: string, id: string): Promise<void> {
    const held = this.#find(node, id);
    if (held) await this.#undo(held);
  }

  list(): Promise<FaultState[]> {
    return Promise.all([...this.#held.values()].map((held) => this.#stateOf(held)));
  }

  /** The node is removed: what its faults do beside it ends with it. One that cannot be undone keeps no node from being removed. */
  async forget(node: string): Promise<void> {
    const gone = [...this.#held.values()].filter((held) => held.node.name === node);
    for (const held of gone) await this.#undo(held).catch(() => this.#drop(held));
    if (gone.length > 0) await this.#write();
  }

  close(): void {
    for (const { over } of this.#held.values()) over.abort();
  }

  #hold(lease: StoredLease, ttlMs: number, isLeft: boolean): HeldLease {
    const expiresAtMs = this.#clock.monotonicMs() + ttlMs;
    const held: HeldLease = { ...lease, expiresAtMs, over: new AbortController(), turn: Promise.resolve(), isLeft };
    this.#held.set(lease.id, held);
    void this.#countDown(held);
    return held;
  }

  #drop(held: HeldLease): void {
    held.over.abort();
    this.#held.delete(held.id);
  }

  /** The dead-man. What it cannot undo it tries again until it is undone. */
  async #countDown(held: HeldLease): Promise<void> {
    const { signal } = held.over;
    try {
      await this.#clock.sleep(held.expiresAtMs - this.#clock.monotonicMs(), signal);
      for (;;) {
        if (signal.aborted) return;
        try {
          await this.#undo(held);
          return;
        } catch (error) {
          held.failure = messageOf(error);
        }
        await this.#clock.sleep(RETRY_MS, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #undo(held: HeldLease): Promise<void> {
    return this.#inTurn(held, async () => {
      if (this.#held.get(held.id) !== held) return;
      // Also when it is only armed: an injection that was cut off may have begun.
      await kindOf(held.action)?.undo(held, this.#tools);
      this.#drop(held);
      await this.#write();
    });
  }

  async #stateOf(held: HeldLease): Promise<FaultState> {
    const { id, node, action, isLeft, failure } = held;
    const base = { id, node: node.name, kind: action.kind };
    const remainingMs = Math.max(0, held.expiresAtMs - this.#clock.monotonicMs());
    if (isLeft || failure !== undefined) {
      const why = isLeft ? 'the lab daemon ended while it was live, and it is being undone' : 'its time is over';
      const detail = failure === undefined ? why : `${why}: ${failure}`;
      return { ...base, state: 'lost', remainingMs, effect: {}, detail };
    }
    if (held.state === 'armed') return { ...base, state: 'armed', remainingMs, effect: {} };
    // What cannot be looked at keeps nobody from seeing the others.
    const seen = await kindOf(action)
      ?.inspect(held, this.#tools)
      .catch((error: unknown) => ({ detail: `it cannot be looked at: ${messageOf(error)}` }));
    return { ...base, state: 'lost', effect: {}, ...seen, remainingMs };
  }

  #find(node: string, id: string): HeldLease | undefined {
    const held = this.#held.get(id);
    return held?.node.name === node ? held : undefined;
  }

  #require(node: string, id: string, verb: string): HeldLease {
    const held = this.#find(node, id);
    if (held) return held;
    throw new LabError(`fault ${id} on ${node} cannot be ${verb}: it is not there`, { details: { node, fault: id } });
  }

  #inTurn<T>(held: HeldLease, work: () => Promise<T>): Promise<T> {
    const done = held.turn.then(work, work);
    held.turn = done.catch(() => undefined);
    return done;
  }

  #write(): Promise<void> {
    const done = this.#writing.then(async () => {
      const stored = [...this.#held.values()].map(({ id, node, action, memo, state }): StoredLease => ({
        id,
        node,
        action,
        memo,
        state,
      }));
      if (stored.length === 0) await rm(this.#file, { force: true });
      else await writeFileAtomic(this.#file, `${JSON.stringify(stored)}\n`, { mode: 0o600 });
    });
    this.#writing = done.catch(() => undefined);
    return done;
  }
}
