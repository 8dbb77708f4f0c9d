import { abortedError, type Clock } from '../core/clock.ts';
import { messageOf, RefusedError } from '../core/errors.ts';
import { waitFor } from '../core/wait.ts';
import type { SlotSource } from '../gates/direct-source.ts';
import { guardVerdict, type GuardFailure } from '../gates/gate-evidence.ts';
import type { GateBaseline, GateKeeper } from '../gates/gate-requests.ts';
import { createProbeClient, type HttpTransport } from '../gates/probe-client.ts';
import type { NodeHealth, QuorumBudget } from '../gates/quorum-budget.ts';
import type { GateSegment } from '../gates/gate-segment.ts';
import { gateProfile, scrapeIntervalMs, soakProfile } from '../gates/profiles.ts';
import type { SlotReading } from '../gates/readings.ts';
import type { GateVerdict } from '../gates/verdict.ts';
import { loadEvidence, storeEvidence } from '../journal/evidence.ts';
import type { RunEvent } from '../journal/records.ts';
import type { Lab, NodeIdentity } from '../lab/lab.ts';
import type { SystemProfile } from '../spec/profile.ts';
import type { Topology } from '../topology/topology.ts';
import { budgetOf, healthOf } from './budget.ts';
import { GateError } from './ending/outcome.ts';
import { recordPassed } from './passed.ts';
import type { RunState } from './run-state.ts';
import { captureScene } from './scene.ts';

/** Time for one look at all nodes before a step. */
const lookTimeoutMs = 2_000;
/** Looks in a row that must all find the quorum in danger before a step is refused. */
const budgetTries = 4;
const betweenLooksMs = 500;
/** Discovery by file takes up to 5 s, and then comes one scrape interval. */
const firstScrapeTimeoutMs = 30_000;

export interface RunGatesOptions {
  topology: Topology;
  profile: SystemProfile;
  lab: Lab;
  clock: Clock;
  signal: AbortSignal;
  prometheusUrl?: string | undefined;
  transport: HttpTransport;
  keeper: GateKeeper;
  source: SlotSource;
  runDir: string;
  state: RunState;
  record(event: RunEvent): Promise<void>;
}

interface PreflightOptions {
  judgesIdentity: boolean;
  mayRepair: boolean;
  signal?: AbortSignal;
}

export interface GateOptions {
  /** Wall time at which the nodes' change began; undefined: nothing was done to them. */
  actionAtMs?: number | undefined;
  /** What must hold beside the gate's own verdict before the nodes count as passed; throws. */
  requires?: (() => Promise<void>) | undefined;
  /** Go on watching for so long after the gate's own window. */
  soakMs?: number | undefined;
  signal: AbortSignal;
}

/** The gates of one run: each is journalled with its evidence, and refusals are told before anything is touched. */
export class RunGates {
  readonly #options: RunGatesOptions;
  readonly #keeper: GateKeeper;
  #baseline: GateBaseline | undefined;
  /** A long gate that an earlier process of this run was holding. */
  #left: RunState['openGate'];

  constructor(options: RunGatesOptions) {
    this.#options = options;
    this.#keeper = options.keeper;
    this.#left = options.state.openGate;
  }

  /**
   * The gate before the first action. `judgesIdentity`: the nodes must run what `topology` says, else that is drift; `up` takes what
   * runs as it is. Of `changing`, broken nodes are to be repaired and left out of it; the quorum is not, unless `mayRepair` and nothing
   * that works is touched. `signal`: default the one that ends the run.
   */
  async preflight(
    topology: Topology,
    changing: readonly string[],
    { judgesIdentity, mayRepair, signal = this.#options.signal }: PreflightOptions,
  ): Promise<void> {
    const step = 'preflight';
    await this.#options.record({ type: 'step.started', step });
    const health = this.#healthIn(await this.#look(topology, signal));
    if (signal.aborted) throw abortedError(signal);
    const budget = budgetOf(topology, health, []);
    const repairing = changing.filter((name) => health[name] !== 'ok');
    if (repairing.length > 0) await this.#options.record({ type: 'preflight.found', broken: repairing });
    if (!budget.isSafe && mayRepair && repairing.length === changing.length) {
      // Nothing that works is touched; there is no health to ask for until the broken nodes are back.
      await this.#options.record({
        type: 'note',
        level: 'warning',
        text: `the network has no quorum; repairing it: ${budget.sentence}`,
      });
      this.#keeper.leaveOut(repairing);
      await this.#options.record({ type: 'step.done', step });
      return;
    }
    if (!budget.isSafe) {
      const reason = `the network has no quorum to begin with: ${budget.sentence}`;
      await this.#options.record({ type: 'step.refused', step, reason });
      throw new RefusedError('unsafe', `${reason}. Repair it first with: seatrial up stacks/${topology.testnet}.yaml`);
    }
    const gate = this.#nextGate();
    const judged = topology.nodes.filter(({ name }) => !repairing.includes(name));
    const nodes = judged.map(({ name }) => name);
    await this.#startGate(gate, step, nodes, topology);
    const { verdict, baseline, evidence } = await this.#keeper.preflight({
      gateId: gate,
      nodes: judged,
      exclude: repairing,
      judgesIdentity,
      signal,
    });
    this.#baseline = baseline;
    await this.#recordVerdict(gate, step, nodes, verdict, evidence);
    if (verdict.kind === 'FAIL') {
      throw new RefusedError('unsafe', `the network is not healthy enough to begin: ${verdict.reason}`);
    }
    if (verdict.kind !== 'PASS') throw new GateError(nodes, verdict);
    // Until their turn comes they are no reason to call another node's peers or agreement bad.
    this.#keeper.leaveOut(repairing);
    await this.#options.record({ type: 'step.done', step });
  }

  /**
   * These nodes, those first that do not work now: to take a node that works beside them may cost the quorum. Until their turn comes
   * the broken ones are no reason to call another node bad.
   */
  async brokenFirst(nodes: readonly string[]): Promise<string[]> {
    const { topology } = this.#options;
    const health = this.#healthIn(await this.#look(topology, new AbortController().signal));
    this.#keeper.leaveOut(nodes.filter((name) => health[name] !== 'ok'));
    return [...nodes].sort((a, b) => Number(health[a] === 'ok') - Number(health[b] === 'ok'));
  }

  /** Whether this run mended a node that was broken before it: to take it back would break it again. */
  wasMended(node: string): boolean {
    const { brokenBefore, passed } = this.#options.state;
    return brokenBefore.has(node) && passed.has(node);
  }

  /** Longest time of one gate, ms. */
  get deadlineMs(): number {
    return this.#keeper.timings.deadlineMs;
  }

  /**
   * Nodes that passed their gate before the run was cut off are judged once more, and from then on guarded as before. `requires`: what must
   * hold of them beside the gate's own verdict; whether it was asked before the cut is not known.
   */
  async guardAgain(
    target: Topology,
    signal: AbortSignal,
    requires: (nodes: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const { state } = this.#options;
    // What is in the middle of its change is no reason to call another node's peers bad.
    this.#keeper.leaveOut([...state.open.keys(), ...state.stopped]);
    const nodes = state.changed.filter((node) => state.passed.has(node) && !state.open.has(node));
    if (nodes.length > 0) await this.gate('resume', nodes, target, { requires: () => requires(nodes), signal });
  }

  /** Before a rollback: what the guards found has been answered. */
  forgetGuards(): void {
    this.#keeper.stopGuards();
  }

  /** The quorum may be lost from here on, as was agreed: what the guards would see means nothing before the next gate has passed. */
  beginHalt(): void {
    this.throwIfGuardFailed();
    this.#keeper.suspendGuards();
  }

  /** To be called before nodes are touched. */
  beginChange(nodes: readonly string[]): void {
    this.#keeper.beginChange(nodes);
  }

  /** Nodes that a fault is about to keep from their work are no reason to call another one bad, until they have passed a gate again. */
  leaveOut(nodes: readonly string[]): void {
    this.#keeper.leaveOut(nodes);
  }

  close(): Promise<void> {
    return this.#keeper.close();
  }

  /** Throws RefusedError('unsafe') when the network could not go on without this node; `others` were changed and are not gated yet. */
  async checkBudget(
    target: Topology,
    name: string,
    others: readonly string[],
    step: string,
    signal: AbortSignal,
  ): Promise<void> {
    let budget: QuorumBudget;
    for (let tries = 1; ; tries++) {
      const health = this.#healthIn(await this.#look(target, signal));
      if (signal.aborted) throw abortedError(signal);
      budget = budgetOf(target, health, [name, ...others]);
      // Taking a node that does not count anyway costs nothing; it is how a broken network is repaired.
      if (budget.isSafe || health[name] !== 'ok' || target.availability === 'halt-allowed') return;
      // One slow answer of a node that works must not end a run half-way.
      if (tries === budgetTries) break;
      await this.#options.clock.sleep(betweenLooksMs, signal);
    }
    const reason = `taking ${name} down is not safe: ${budget.sentence}`;
    await this.#options.record({ type: 'step.refused', step, reason });
    throw new RefusedError('unsafe', reason);
  }

  /**
   * A Prometheus that was made or started with the nodes has to find them first; what it knows of the time before it was stopped does not
   * count. When it does not find them, the gate will say so.
   */
  async awaitFirstScrapes(nodes: readonly string[], signal: AbortSignal): Promise<void> {
    const { prometheusUrl, topology, clock, transport } = this.#options;
    if (prometheusUrl === undefined) return;
    const newestS = (2 * scrapeIntervalMs(gateProfile(topology.gate))) / 1000;
    const query = encodeURIComponent(`time() - timestamp(up{testnet="${topology.testnet}"}) <= ${newestS}`);
    const client = createProbeClient({ baseUrl: () => prometheusUrl, transport, signal });
    const scraped = async (): Promise<true | undefined> => {
      const answer = (await client.getJson('prometheus', `/api/v1/query?query=${query}`)) as {
        data?: { result?: { metric: { node?: string } }[] };
      };
      const seen = new Set((answer.data?.result ?? []).map(({ metric }) => metric.node));
      return nodes.every((node) => seen.has(node)) ? true : undefined;
    };
    const options = {
      clock,
      what: 'the first scrape of every node',
      timeoutMs: firstScrapeTimeoutMs,
      intervalMs: 250,
      signal,
    };
    await waitFor(scraped, options).catch(async (error: unknown) => {
      if (signal.aborted) throw error;
      await this.#options.record({ type: 'note', level: 'warning', text: messageOf(error) });
    });
  }

  /** Nodes among the coming ones that are down until their own turn, and whether there is a quorum without them. */
  async brokenAmong(
    coming: readonly string[],
    changed: readonly string[],
    target: Topology,
    signal: AbortSignal,
  ): Promise<{ broken: string[]; hasQuorum: boolean }> {
    if (coming.length === 0) return { broken: [], hasQuorum: true };
    const health = this.#healthIn(await this.#look(target, signal));
    if (signal.aborted) throw abortedError(signal);
    const broken = coming.filter((name) => health[name] === 'down');
    // What was just started may not answer yet; it counts for what it is to be.
    for (const name of changed) {
      if (!coming.includes(name) && health[name] !== 'faulted') health[name] = 'ok';
    }
    return { broken, hasQuorum: budgetOf(target, health, []).isSafe };
  }

  /** Gates nodes after their change; throws GateError unless it passes. */
  async gate(
    step: string,
    nodes: readonly string[],
    target: Topology,
    { actionAtMs, soakMs, requires, signal }: GateOptions,
  ): Promise<void> {
    const left = this.#leftOf(step, nodes);
    const gate = left?.gate ?? this.#nextGate();
    if (!left) await this.#startGate(gate, step, nodes, target, soakMs);
    const gated = target.nodes.filter(({ name }) => nodes.includes(name));
    const { verdict, evidence } = await this.#keeper.gate({
      gateId: gate,
      nodes: gated,
      actionAtMs: actionAtMs === Infinity ? undefined : actionAtMs,
      soakMs,
      baseline: this.#baseline,
      resume: left && { segments: await this.#load(left.segments) },
      signal,
    });
    await this.#recordVerdict(gate, step, nodes, verdict, evidence);
    const { guardFailure } = this.#keeper;
    // A guard ends the gate of another node: the node that it watches is the one that failed.
    if (verdict.cause === 'guard' && guardFailure) throw new GateError([guardFailure.node], verdict);
    if (verdict.kind !== 'PASS') throw new GateError(nodes, verdict);
    await requires?.();
    const identities: Record<string, NodeIdentity> = {};
    for (const node of gated) {
      const { identity } = await this.#options.lab.observe(node);
      if (identity) identities[node.name] = identity;
    }
    await recordPassed(target.stateDir, identities);
  }

  /** What a node does wrong that was changed before, or that too little is known of it. */
  get guardFailure(): GuardFailure | undefined {
    return this.#keeper.guardFailure;
  }

  /** Harm on a node that was changed before ends the stage before the next one is touched. */
  throwIfGuardFailed(): void {
    const { guardFailure } = this.#keeper;
    if (guardFailure) throw new GateError([guardFailure.node], guardVerdict(guardFailure));
  }

  /** What an earlier process has seen of this gate, where it was long enough to be kept. */
  #leftOf(step: string, nodes: readonly string[]): RunState['openGate'] {
    const left = this.#left;
    if (!left || left.segments.length === 0 || left.step !== step || left.nodes.join() !== nodes.join())
      return undefined;
    this.#left = undefined;
    return left;
  }

  async #load(hashes: readonly string[]): Promise<{ hash: string; segment: GateSegment }[]> {
    const { runDir } = this.#options;
    return Promise.all(
      hashes.map(async (hash) => ({ hash, segment: (await loadEvidence(runDir, hash)) as GateSegment })),
    );
  }

  #nextGate(): string {
    return `gate-${this.#options.state.gates + 1}`;
  }

  async #startGate(
    gate: string,
    step: string,
    nodes: readonly string[],
    topology: Topology,
    soakMs = 0,
  ): Promise<void> {
    const { deadlineMs } = soakProfile(this.#keeper.timings, soakMs);
    await this.#options.record({
      type: 'gate.started',
      gate,
      step,
      nodes: [...nodes],
      profile: topology.gate,
      deadlineMs,
    });
  }

  async #recordVerdict(
    gate: string,
    step: string,
    nodes: readonly string[],
    verdict: GateVerdict,
    evidence: unknown,
  ): Promise<void> {
    const { runDir, record } = this.#options;
    const hash = await storeEvidence(runDir, evidence);
    // Before anything is undone: what the nodes say now is what explains it.
    const scene = verdict.kind === 'PASS' ? undefined : await storeEvidence(runDir, await captureScene(this.#options));
    await record({
      type: 'gate.verdict',
      gate,
      step,
      nodes: [...nodes],
      verdict,
      evidence: hash,
      ...(scene && { scene }),
    });
  }

  /** A node that a fault keeps from its work counts for nothing, whatever it says of itself. */
  #healthIn(reading: SlotReading): Record<string, NodeHealth> {
    const { profile, state } = this.#options;
    const health = healthOf(reading, profile);
    for (const node of state.impaired) if (node in health) health[node] = 'faulted';
    return health;
  }

  #look(topology: Topology, signal: AbortSignal): Promise<SlotReading> {
    const { clock } = this.#options;
    return this.#options.source({
      slot: 0,
      atMs: clock.wallMs(),
      monoMs: clock.monotonicMs(),
      nodes: topology.nodes,
      focus: new Set(),
      leftOut: [],
      timeoutMs: lookTimeoutMs,
      signal,
    });
  }
}
