import { AbortedError } from '../../core/errors.ts';
import { abortedError } from '../../core/clock.ts';
import { createGateKeeper } from '../gate-keeper.ts';
import { GateJudge, type GateInput } from '../gate-judge.ts';
import type { GateProfile } from '../profiles.ts';
import type { SlotReading } from '../readings.ts';
import type { BadWorld } from './bad-world.ts';
import { flapRule } from './bad-worlds.ts';
import type { ShownWorld } from './proof.ts';
import { tamperedView, type ViewInputs } from './tampered-view.ts';

export interface ShowOptions extends ViewInputs {
  timings: GateProfile;
  /** Of the gate on the testnet as it is. */
  input: GateInput;
  signal?: AbortSignal | undefined;
}

/** Good slots in a row before the world turns bad. */
const goodSlots = 2;
/** Slots in which they must come. */
const patienceSlots = 12;
const slotsToTurn = 3;

type Mark = '+' | '-' | '?';

/** Shows one bad world to a gate that saw the testnet as it is before; says of each check of this world how it answered. */
export async function showWorld(world: BadWorld, options: ShowOptions): Promise<(ShownWorld & { check: string })[]> {
  const { topology, clock, timings, prometheusUrl, signal } = options;
  if (signal?.aborted) throw abortedError(signal);
  const view = tamperedView(world, options);
  const judge = new GateJudge({ ...options.input, gateId: world.name, kind: 'guard' }, options.profile);
  const allowedSlots = slotsToTurn + Math.ceil(world.allowanceMs / timings.intervalMs);
  const watched = world.checks.map((check) => new WatchedCheck(check, world));
  const { promise: over, resolve: end } = Promise.withResolvers<undefined>();
  let slots = 0;
  let good = 0;
  let shown = 0;
  let isShowing = false;

  const keeper = createGateKeeper({
    topology,
    profile: view.profile,
    lab: view.lab,
    transport: view.transport,
    clock,
    prometheusUrl,
    // A gate that ended and was begun anew would shift the grid: neither good slots nor missing data are to end it.
    timings: { ...timings, tailSlots: Infinity, holdSlots: Infinity, deadlineMs: 3_600_000 },
    onSlot: see,
  });
  const onAbort = (): void => end(undefined);
  signal?.addEventListener('abort', onAbort, { once: true });
  const watching = watch();
  try {
    await Promise.race([over, watching]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    end(undefined);
    await keeper.close();
    await watching.catch(() => undefined);
  }
  if (signal?.aborted) throw abortedError(signal);
  return watched.map((one) => one.result(isShowing, allowedSlots, view.notMakeable));

  /** Only a gate that runs asks for all that its checks need; its own verdict on a bad world is no news. */
  async function watch(): Promise<void> {
    let isOver = false;
    void over.then(() => (isOver = true));
    while (!isOver) {
      try {
        await keeper.preflight({ gateId: world.name, nodes: topology.nodes });
      } catch (error) {
        if (error instanceof AbortedError) return;
        throw error;
      }
    }
  }

  function see(reading: SlotReading): void {
    // A slot that this machine was too slow to read says nothing of the check: the judge sees none missing.
    const decision = judge.push({ ...reading, slot: slots++ });
    const { checks } = judge.verdict({ kind: 'HOLD', cause: '', reason: '' });
    const markOf = (check: string, node: string): { mark: Mark; detail: string | undefined } => {
      if (check === flapRule) {
        const isFlap = decision.kind === 'FAIL' && decision.cause === 'flap';
        return { mark: isFlap ? '-' : '+', detail: isFlap ? decision.reason : undefined };
      }
      const summary = checks.find((one) => one.check === check && (one.node === node || one.node === '*'));
      return { mark: (summary?.slots.at(-1) ?? '?') as Mark, detail: summary?.lastDetail };
    };
    if (!isShowing) {
      good = watched.every((one) => one.isOk(markOf)) ? good + 1 : 0;
      if (good >= goodSlots) {
        isShowing = true;
        view.begin();
      } else if (slots >= patienceSlots) end(undefined);
      return;
    }
    shown++;
    view.nextSlot();
    for (const one of watched) one.see(shown, markOf);
    if (shown >= allowedSlots || watched.every(({ isTurned }) => isTurned)) end(undefined);
  }
}

type MarkOf = (check: string, node: string) => { mark: Mark; detail: string | undefined };

/** One check in one world, on all nodes that are altered. */
class WatchedCheck {
  readonly #check: string;
  readonly #world: BadWorld;
  readonly #turnedAt = new Map<string, { slot: number; mark: Mark }>();
  #detail: string | undefined;
  #before: string | undefined;
  #last: Mark = '+';

  constructor(check: string, world: BadWorld) {
    this.#check = check;
    this.#world = world;
  }

  get isTurned(): boolean {
    return this.#world.nodes.every((node) => this.#turnedAt.has(node));
  }

  isOk(markOf: MarkOf): boolean {
    for (const node of this.#world.nodes) {
      const { mark, detail } = markOf(this.#check, node);
      if (mark === '+') continue;
      this.#before = `${this.#check} of ${node} was not OK before anything was altered (${detail ?? 'UNKNOWN'})`;
      return false;
    }
    this.#before = undefined;
    return true;
  }

  see(slot: number, markOf: MarkOf): void {
    for (const node of this.#world.nodes) {
      const { mark, detail } = markOf(this.#check, node);
      if (mark !== '+') this.#last = mark;
      const isTurned = mark === '-' || (mark === '?' && this.#world.kind === 'blind');
      if (mark !== '+') this.#detail = detail ?? this.#detail;
      if (isTurned && !this.#turnedAt.has(node)) this.#turnedAt.set(node, { slot, mark });
    }
  }

  result(wasShown: boolean, allowedSlots: number, notMakeable: string | undefined): ShownWorld & { check: string } {
    const { name, title, kind, nodes } = this.#world;
    const base = { check: this.#check, world: name, title, kind, nodes, allowedSlots };
    if (!wasShown)
      return { ...base, outcome: 'not-shown', isTurned: false, detail: this.#before ?? 'no slot could be read' };
    if (notMakeable !== undefined) return { ...base, outcome: 'not-makeable', isTurned: false, detail: notMakeable };
    const detail = this.#detail === undefined ? {} : { detail: this.#detail };
    if (!this.isTurned) return { ...base, outcome: this.#outcomeOf(this.#last), isTurned: false, ...detail };
    const turns = [...this.#turnedAt.values()];
    const outcome = turns.some(({ mark }) => mark === '?') ? 'UNKNOWN' : 'BAD';
    return { ...base, outcome, isTurned: true, slots: Math.max(...turns.map(({ slot }) => slot)), ...detail };
  }

  #outcomeOf(mark: Mark): 'BAD' | 'UNKNOWN' | 'OK' {
    return mark === '-' ? 'BAD' : mark === '?' ? 'UNKNOWN' : 'OK';
  }
}
