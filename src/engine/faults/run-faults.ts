import { hashOf } from '../../core/canonical.ts';
import { abortedError } from '../../core/clock.ts';
import { AbortedError, CleanupError, messageOf, RefusedError } from '../../core/errors.ts';
import type { CompiledFault } from '../../faults/compiled-fault.ts';
import { bareNode } from '../../topology/bare-node.ts';
import { beginFault } from '../../faults/begin-fault.ts';
import type { FaultEvent } from '../../faults/fault-events.ts';
import type { LiveFault } from '../../faults/live-fault.ts';
import { storeEvidence } from '../../journal/evidence.ts';
import type { FaultRecord } from '../../journal/fault-records.ts';
import type { PlanStep } from '../../journal/records.ts';
import type { FaultLease } from '../../lab/faults.ts';
import { VoidError } from '../ending/outcome.ts';
import type { RunInputs } from '../run-inputs.ts';
import type { OpenFault } from '../run-state.ts';
import type { RunSession } from '../session.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { compileStage, specOf } from './compile-stage.ts';
import { faultProbes } from './fault-probes.ts';
import { armedLeases } from './planned-fault.ts';
import { proveHealed } from './prove-heal.ts';
import { sweepLeases } from './sweep.ts';

type Because = (FaultRecord & { type: 'fault.healing' })['because'];

/**
 * The faults of one run: what is broken on purpose now, and who ends it. Each is written down before anything is armed, and no way out of a
 * run leads past `healAll`.
 */
export class RunFaults {
  readonly #inputs: RunInputs;
  readonly #session: RunSession;
  readonly #live = new Map<string, LiveFault>();
  /** Every fault that this process has begun to arm. */
  readonly #compiled = new Map<string, CompiledFault>();
  /** Why a fault of this process is void, by its id. */
  readonly #voidReasons = new Map<string, string>();
  /** What speaks against the end of a fault that was healed, by its id. */
  readonly #notOver = new Map<string, string>();
  readonly #voided = new AbortController();
  #isOver = false;

  constructor(inputs: RunInputs, session: RunSession) {
    this.#inputs = inputs;
    this.#session = session;
  }

  /** Aborted as soon as a fault that acts is void. */
  get voided(): AbortSignal {
    return this.#voided.signal;
  }

  throwIfVoid(): void {
    for (const [fault, reason] of this.#voidReasons) throw new VoidError(`the fault ${fault} is void: ${reason}`);
  }

  /** Breaks what the step says, and shows that it did. Throws VoidError where that cannot be shown; how it ended then, `healAll` tells. */
  async begin(step: PlanStep, signal: AbortSignal): Promise<void> {
    const { lab, clock } = this.#inputs;
    const fault = this.#compile(step);
    const nodes = this.#session.deployed.nodes;
    await this.#session.requireLease(signal);
    const { gates, state } = this.#session;
    const impaired = step.fault?.impaired ?? [];
    await this.#session.record({
      type: 'fault.intent',
      step: step.id,
      fault: fault.id,
      impaired,
      leases: armedLeases(fault),
    });
    // Guards of nodes that passed before would take what nobody can see for a reason to stop; the next gate says what it is.
    const isBlind = fault.spec.kind === 'prometheus-gone';
    if (isBlind || fault.quorum.outcome !== 'goes-on') gates.beginHalt();
    gates.leaveOut(impaired);
    try {
      const live = await beginFault({
        fault,
        lab,
        nodes,
        down: () => this.#awayNodes(fault.id),
        live: () => this.#actingBeside(fault.id),
        clock,
        signal,
        probes: faultProbes(this.#inputs),
        record: (event) => this.#record(step.id, event),
      });
      this.#live.set(fault.id, live);
      // Whoever is in a hurry may have swept already, and nobody would end it any more.
      if (this.#inputs.hurry?.aborted) await live.abandon();
    } catch (error) {
      this.#noteNotOver(fault.id, error);
      // Whoever was interrupted in the middle does not know what is there.
      const open = state.faults.get(fault.id);
      if (open) await this.#sweep(open, 'end');
      throw error;
    }
    this.throwIfVoid();
  }

  /** Ends the fault of this step, and shows that it is over. Nothing where it is over already. */
  async heal(stepId: string, because: Because, signal: AbortSignal): Promise<void> {
    const { state } = this.#session;
    for (const open of [...state.faults.values()]) {
      if (open.step === stepId) await this.#heal(open, because);
    }
    // Whoever healed it did not live to show it.
    for (const [fault, step] of state.unproven) if (step === stepId) await this.#prove(fault, step, signal);
  }

  async #prove(fault: string, step: string, signal: AbortSignal): Promise<void> {
    const { lab, clock } = this.#inputs;
    if (!lab.faults) return;
    const away = new Set(this.#awayNodes(fault));
    const nodes = this.#session.deployed.nodes.filter(({ name }) => !away.has(name));
    const startedMs = clock.monotonicMs();
    const { isShown, pairs, reason } = await proveHealed(lab.faults, nodes, clock, signal);
    if (!isShown) throw new VoidError(`the end of the fault ${fault} cannot be shown: ${reason}`);
    await this.#session.record({
      type: 'fault.heal-verified',
      step,
      fault,
      healVerifiedMs: Math.round(clock.monotonicMs() - startedMs),
      evidence: await storeEvidence(this.#session.runDir, { pairs }),
    });
  }

  /**
   * Ends all, the newest first; what would not end, or cannot be shown to be over, is told. What would not end does so on its target by itself. Once
   * `hurry` is aborted nobody looks any more what comes of it.
   */
  async healAll(because: Because, hurry?: AbortSignal): Promise<string[]> {
    const problems: string[] = [];
    for (const open of [...this.#session.state.faults.values()].reverse()) {
      const problem = await this.#problemWith(open.id, () => this.#heal(open, because), hurry);
      const left = this.#session.state.faults.get(open.id);
      if (left) {
        await this.#sweep(left, hurry?.aborted ? 'hurry' : because).catch((error: unknown) => {
          problems.push(`${remainsOf(left, this.#inputs.clock.wallMs())} (${messageOf(error)})`);
        });
      }
      if (problem !== undefined) problems.push(problem);
    }
    // One that is void heals itself; it may be healed by now, and not yet shown to be over.
    for (const [id, live] of [...this.#live]) {
      const problem = await this.#problemWith(id, () => this.#end(live), hurry);
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  }

  /** What is wrong with the end of a fault. Whoever is in a hurry waits for none, and leaves its leases to the sweep: it must not come again behind that. */
  async #problemWith(id: string, end: () => Promise<void>, hurry?: AbortSignal): Promise<string | undefined> {
    const ended = hurry?.aborted ? Promise.reject(abortedError(hurry)) : end();
    const problem = await Promise.race([ended, rejectedBy(hurry)]).then(() => undefined, messageOf);
    if (!hurry?.aborted) return problem;
    await this.#live.get(id)?.abandon();
    return undefined;
  }

  /** Ends what an earlier process of this run has left, and whatever else of ours is on the lab: nobody else may break this testnet now. */
  async sweepAll(): Promise<void> {
    const { lab } = this.#inputs;
    for (const open of [...this.#session.state.faults.values()]) await this.#sweep(open, 'resume');
    const others = (await lab.faults?.list()) ?? [];
    if (others.length === 0) return;
    const text = `found and undone: ${others.map(({ id, node }) => `fault ${id} on ${node}`).join(', ')}`;
    await this.#undo(others.flatMap(({ id, node }) => ({ id, node: this.#nodeOf(node) })));
    await this.#session.record({ type: 'note', level: 'warning', text });
  }

  /** Undoes what acts in this process, without a word: for when the journal takes nothing more. */
  async healSilently(): Promise<void> {
    this.#isOver = true;
    await Promise.all([...this.#live.values()].map((live) => live.abandon()));
    const leases = [...this.#compiled.values()].flatMap((fault) => fault.leases);
    await this.#undo(leases).catch(() => undefined);
  }

  /** A sentence for each fault that would stay behind now, or of which that is not known. */
  remains(): string[] {
    const nowMs = this.#inputs.clock.wallMs();
    return [
      ...[...this.#session.state.faults.values()].map((open) => remainsOf(open, nowMs)),
      ...[...this.#notOver].map(([fault, why]) => `the fault ${fault}: ${why}`),
    ];
  }

  async #heal(open: OpenFault, because: Because): Promise<void> {
    const live = this.#live.get(open.id);
    if (!live) {
      await this.#sweep(open, because);
      return;
    }
    // One that is void heals itself; it is only waited for.
    const isVoid = this.#voidReasons.has(open.id);
    if (!isVoid) await this.#session.record({ type: 'fault.healing', step: open.step, fault: open.id, because });
    await this.#end(live);
  }

  async #end(live: LiveFault): Promise<void> {
    const { id } = live.fault;
    try {
      await live.heal();
    } catch (error) {
      this.#noteNotOver(id, error);
      throw error;
    } finally {
      this.#live.delete(id);
    }
  }

  /** Of a fault that is healed nothing is left to sweep; that something is still wrong must be known all the same. */
  #noteNotOver(id: string, error: unknown): void {
    const isHealed = this.#session.state.unproven.has(id) && !this.#session.state.faults.has(id);
    if (isHealed && error instanceof CleanupError) this.#notOver.set(id, error.message);
  }

  /** Removes what another process, or a call that was cut short, may have left of a fault. */
  async #sweep({ id, step }: OpenFault, because: Because): Promise<void> {
    const { clock, plan } = this.#inputs;
    await this.#session.record({ type: 'fault.healing', step, fault: id, because });
    const startedMs = clock.monotonicMs();
    const planned = plan.steps.find((each) => each.id === step);
    const fault = this.#compiled.get(id) ?? (planned && this.#compile(planned));
    await this.#undo(fault?.leases ?? []);
    const healMs = Math.round(clock.monotonicMs() - startedMs);
    await this.#session.record({ type: 'fault.healed', step, fault: id, healMs });
  }

  async #undo(leases: readonly Pick<FaultLease, 'id' | 'node'>[]): Promise<void> {
    const { lab, clock } = this.#inputs;
    if (lab.faults) await sweepLeases(lab.faults, leases, clock);
  }

  /** What the plan promised is what would be done now. */
  #compile(step: PlanStep): CompiledFault {
    if (!step.fault) throw new RefusedError('unsupported', `the step ${step.id} does not say what to break`);
    const { topology } = this.#inputs;
    const { fault, planned } = compileStage(step.id, specOf(step.fault), topology, step.fault.out);
    if (hashOf(planned) !== hashOf(step.fault)) {
      throw new RefusedError('drift', `the fault ${step.id} would be another than was planned. Plan again.`);
    }
    this.#compiled.set(fault.id, fault);
    return fault;
  }

  #actingBeside(fault: string): CompiledFault[] {
    const { faults } = this.#session.state;
    return [...this.#live.values()].map((live) => live.fault).filter(({ id }) => id !== fault && faults.has(id));
  }

  /**
   * Nodes of which this fault can demand nothing: they are stopped, in the middle of their own change, or another fault acts on them, or has just
   * done so: flows may stay stalled for a while after its heal.
   */
  #awayNodes(fault: string): string[] {
    const { stopped, open, changed, passed, faults } = this.#session.state;
    const others = [...faults.values()].filter(({ id }) => id !== fault);
    const broken = others.flatMap(({ impaired, leases }) => [...impaired, ...leases.map(({ node }) => node)]);
    const ending = [...this.#live.values()].filter((live) => live.fault.id !== fault && !faults.has(live.fault.id));
    const settling = ending.flatMap((live) => live.fault.leases.map(({ node }) => node.name));
    const changing = changed.filter((node) => !passed.has(node));
    return [...new Set([...stopped, ...open.keys(), ...changing, ...broken, ...settling])];
  }

  /** A node by its name; one that is none of ours any more is asked for by its name alone. */
  #nodeOf(name: string): TopologyNode {
    const known = [
      ...this.#session.deployed.nodes,
      ...[...this.#compiled.values()].flatMap(({ leases }) => leases.map(({ node }) => node)),
    ];
    return known.find((node) => node.name === name) ?? bareNode(name);
  }

  /** The long matrices are evidence; the rest stands in the journal. */
  async #record(step: string, event: FaultEvent): Promise<void> {
    if (this.#isOver) return;
    const record = await this.#recordOf(step, event);
    await this.#session.record(record);
    if (event.type === 'fault.void') {
      this.#voidReasons.set(event.fault, event.reason);
      this.#voided.abort(new AbortedError(`the fault ${event.fault} is void: ${event.reason}`));
    }
  }

  async #recordOf(step: string, event: FaultEvent): Promise<FaultRecord> {
    const { runDir } = this.#session;
    switch (event.type) {
      case 'fault.verified': {
        const { effects, pairs, ...rest } = event;
        return { ...rest, step, evidence: await storeEvidence(runDir, { effects, pairs }) };
      }
      case 'fault.heal-verified': {
        const { pairs, ...rest } = event;
        return { ...rest, step, evidence: await storeEvidence(runDir, { pairs }) };
      }
      default:
        return { ...event, step };
    }
  }
}

/** Where a fault would act on if nobody ended it, and until when. */
function remainsOf({ id, leases }: OpenFault, nowMs: number): string {
  const nodes = [...new Set(leases.map(({ node }) => node))];
  const untilMs = nowMs + Math.max(0, ...leases.map(({ ttlMs }) => ttlMs));
  return `the fault ${id} may still act on ${nodes.join(', ')}; it ends there by itself by ${new Date(untilMs).toISOString()}`;
}

/** Rejects when the signal is aborted; never settles otherwise. */
function rejectedBy(signal: AbortSignal | undefined): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  signal?.addEventListener('abort', () => reject(abortedError(signal)), { once: true });
  return promise;
}
