import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Clock } from '../core/clock.ts';
import { directSource } from '../gates/direct-source.ts';
import { createGateKeeper } from '../gates/gate-keeper.ts';
import type { GateProgress } from '../gates/gate-progress.ts';
import { httpTransport } from '../gates/http-transport.ts';
import { createProbeClient, type HttpTransport } from '../gates/probe-client.ts';
import { Journal } from '../journal/journal.ts';
import { ObservationWriter } from '../journal/observations.ts';
import type { NodeBefore, Plan, RunCost, RunEvent, RunRecord } from '../journal/records.ts';
import { runFolder } from '../journal/run-files.ts';
import type { Lab, NodeIdentity } from '../lab/lab.ts';
import { openLedger, type Ledger } from '../load/ledger.ts';
import type { ProbeClient, SystemProfile } from '../spec/profile.ts';
import { writeDesired } from '../topology/desired.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import type { NodeChange, RollHooks } from './deployer.ts';
import { exitCodeOf, type Ending } from './outcome.ts';
import { createObserver, type Observer } from './observer.ts';
import { hasPassed } from './passed.ts';
import { planHash, stepId } from './plan.ts';
import { RunGates } from './run-gates.ts';
import { writeDeployedTopology } from './state.ts';

const seatrialVersion = (createRequire(import.meta.url)('../../package.json') as { version: string }).version;

/** Who is told what happens while it happens. */
export interface RunReporter {
  onRecord?(record: RunRecord): void;
  /** How far the gate that is being held has come. */
  onGate?(progress: GateProgress): void;
}

export interface SessionOptions {
  runId: string;
  /** The topology as it is before the run. */
  topology: Topology;
  profile: SystemProfile;
  specHash: string;
  /** Version that each node is to run before the run. */
  versions: Record<string, string>;
  plan: Plan;
  lab: Lab;
  clock: Clock;
  reporter: RunReporter;
  signal: AbortSignal;
  /** Where the testnet's Prometheus is reached from here. */
  prometheusUrl?: string | undefined;
  /** How nodes are asked. Default: HTTP. */
  transport?: HttpTransport | undefined;
}

/**
 * One run: its journal, the eyes on the network, and the hooks with which a deployer is steered. A scripted run, `seatrial up`
 * and a `pulumi up` typed by hand all go through it.
 */
export class RunSession {
  readonly runDir: string;
  readonly clients: ReadonlyMap<string, ProbeClient>;
  readonly ledger: Ledger;
  readonly observer: Observer;
  /** Nodes that this run has touched, in order. */
  readonly changed: string[] = [];
  readonly #options: SessionOptions;
  readonly #journal: Journal;
  readonly #observations: ObservationWriter;
  readonly #versions: Record<string, string>;
  #deployed: Topology;
  readonly #startedMs: number;
  /** The gates of this run, and what they look at. */
  readonly gates: RunGates;

  private constructor(
    options: SessionOptions,
    parts: { journal: Journal; observations: ObservationWriter; ledger: Ledger },
  ) {
    const { topology, lab, profile, clock } = options;
    const transport = options.transport ?? httpTransport(clock);
    this.#options = options;
    this.#journal = parts.journal;
    this.#observations = parts.observations;
    this.ledger = parts.ledger;
    this.runDir = runFolder(topology.stateDir, options.runId);
    this.#versions = { ...options.versions };
    this.#deployed = topology;
    this.#startedMs = clock.monotonicMs();
    this.clients = new Map(
      topology.nodes.map((node) => [
        node.name,
        createProbeClient({ baseUrl: (port) => lab.endpoint(node, port), transport, timeoutMs: 8_000 }),
      ]),
    );
    this.observer = createObserver({
      write: (line) => this.#observations.add(line),
      takeTally: (node) => this.ledger.takeTally(node),
    });
    const keeper = createGateKeeper({
      topology,
      profile,
      lab,
      clock,
      prometheusUrl: options.prometheusUrl,
      transport,
      onSlot: (reading) => this.observer.see(reading),
      onProgress: options.reporter.onGate,
      onPhase: (gate, phase) => this.#recordSoon({ type: 'gate.phase', gate, phase }),
      onGuardFailed: ({ node, check, reason }) =>
        this.#recordSoon({ type: 'guard.failed', step: 'guard', node, check, reason }),
    });
    const source = directSource({ profile, lab, clock, transport });
    this.gates = new RunGates({
      ...options,
      transport,
      keeper,
      source,
      runDir: this.runDir,
      record: (event) => this.record(event),
    });
    keeper.start();
  }

  /** Starts a run: its journal's first record is on the disk when this resolves. */
  static async open(options: SessionOptions): Promise<RunSession> {
    const { topology, clock, runId, plan } = options;
    const runDir = runFolder(topology.stateDir, runId);
    const journal = await Journal.create(runDir, clock);
    const observations = await ObservationWriter.open(runDir, clock);
    const ledger = await openLedger(join(runDir, 'ledger.jsonl'));
    const session = new RunSession(options, { journal, observations, ledger });
    try {
      await session.record({
        type: 'run.started',
        runId,
        testnet: topology.testnet,
        system: topology.system,
        lab: topology.lab,
        runbook: plan.runbook,
        planHash: planHash(plan),
        plan,
        seatrialVersion,
        before: await session.nodesNow(),
      });
    } catch (error) {
      await session.abandon();
      throw error;
    }
    return session;
  }

  /** Lets go of everything where no last record can be written. Failures are left out: the one that led here is told. */
  async abandon(): Promise<void> {
    await Promise.allSettled([
      this.gates.close(),
      this.ledger.close(),
      this.#observations.close(),
      this.#journal.close(),
    ]);
  }

  async record(event: RunEvent): Promise<void> {
    const record = await this.#journal.append(event);
    this.#options.reporter.onRecord?.(record);
  }

  /**
   * The hooks for rolling to `target` in this order. `label` names the steps, as in `rolling-upgrade/validator-0`. Where a network
   * cannot reach its quorum before further nodes are mended, their gates are held together at the first node that makes it whole.
   */
  hooks(target: Topology, label: string, order: readonly string[], signal: AbortSignal): RollHooks {
    const ungated: string[] = [];
    const nodeOf = (name: string): TopologyNode | undefined => target.nodes.find((node) => node.name === name);
    const startedAtMs = new Map<string, number>();
    const begin = async (step: string, name: string, change: NodeChange): Promise<void> => {
      const node = nodeOf(name);
      startedAtMs.set(name, this.#options.clock.wallMs());
      await this.record({
        type: 'intent',
        step,
        action: change.kind,
        node: name,
        ...(this.#versions[name] !== undefined && { fromVersion: this.#versions[name] }),
        toVersion: node?.release.version ?? 'none',
        toDigest: node?.release.digest ?? 'none',
        generation: node?.generation ?? 'none',
      });
      if (change.kind !== 'create' || !this.changed.includes(name)) this.changed.push(name);
      if (node) this.#versions[name] = node.release.version;
      // `up` brings the nodes to what is wanted already, however far it comes; a run moves that node by node.
      const wanted = this.#options.plan.runbook === 'up' ? versionsIn(target) : this.#versions;
      await writeDesired(target.stateDir, { specHash: this.#options.specHash, versions: wanted });
      // Whatever becomes of this command, others then compare the node with what it was last meant to be.
      const others = this.#deployed.nodes.filter((other) => other.name !== name);
      const nodes = [...others, ...(node ? [node] : [])].sort((a, b) => a.index - b.index);
      this.#deployed = { ...this.#deployed, nodes };
      await writeDeployedTopology(this.#deployed);
    };
    const end = async (step: string, name: string, change: NodeChange): Promise<NodeIdentity | undefined> => {
      const node = nodeOf(name);
      const observation = node && (await this.#options.lab.observe(node));
      await this.record({
        type: 'done',
        step,
        action: change.kind,
        node: name,
        digest: observation?.identity?.digest ?? 'none',
        instance: observation?.identity?.instance ?? 'none',
        version: node?.release.version ?? 'none',
        tookMs: Math.max(0, this.#options.clock.wallMs() - (startedAtMs.get(name) ?? 0)),
      });
      return observation?.identity;
    };

    return {
      before: async (name, change) => {
        const step = change.kind === 'create' ? 'create' : stepId(label, name);
        if (change.kind !== 'create') {
          this.gates.throwIfGuardFailed();
          await this.record({ type: 'step.started', step });
          if (change.kind === 'replace') await this.gates.checkBudget(target, name, step, signal);
        }
        this.gates.beginChange([name]);
        await begin(step, name, change);
      },
      after: async (name, change) => {
        const step = stepId(label, name);
        // A node is gated again without having been touched when no PASS is on record for it.
        const wasTouched = startedAtMs.has(name);
        if (wasTouched) await end(step, name, change);
        if (change.kind === 'remove') return;
        ungated.push(name);
        const coming = order.filter((other) => !startedAtMs.has(other));
        const { broken, hasQuorum } = await this.gates.brokenAmong(coming, this.changed, target, signal);
        if (broken.length > 0 && !hasQuorum) {
          const text = `the gate of ${name} waits: without ${broken.join(', ')} there is no quorum`;
          await this.record({ type: 'note', level: 'info', text });
          return;
        }
        const gated = ungated.splice(0);
        const touchedAtMs = gated.flatMap((node) => startedAtMs.get(node) ?? []);
        const actionAtMs = touchedAtMs.length > 0 ? Math.min(...touchedAtMs) : undefined;
        await this.gates.gate(step, gated, target, actionAtMs, signal);
        for (const node of gated) await this.record({ type: 'step.done', step: stepId(label, node) });
      },
      afterCreated: async (names) => {
        const step = 'create';
        for (const name of names) await end(step, name, { node: name, kind: 'create' });
        await this.gates.awaitFirstScrapes(names, signal);
        await this.gates.gate(
          step,
          names,
          target,
          Math.min(...names.map((name) => startedAtMs.get(name) ?? Infinity)),
          signal,
        );
        await this.record({ type: 'step.done', step });
      },
      isProven: async (name) => {
        const node = nodeOf(name);
        const { identity } = node ? await this.#options.lab.observe(node) : {};
        return identity !== undefined && (await hasPassed(target.stateDir, name, identity));
      },
    };
  }

  /** Ends the run: last record, everything closed. Returns the exit code. */
  async finish(ending: Ending, cost: Pick<RunCost, 'lost' | 'duplicated'>): Promise<number> {
    await this.gates.close();
    const seen = this.observer.cost();
    await this.ledger.close();
    const observations = await this.#observations.close();
    const durationMs = Math.round(this.#options.clock.monotonicMs() - this.#startedMs);
    const exitCode = exitCodeOf(ending.outcome);
    await this.record({
      type: 'run.finished',
      outcome: ending.outcome,
      exitCode,
      ...(ending.reason !== undefined && { reason: ending.reason }),
      after: await this.nodesNow(),
      cost: { ...seen, ...cost, durationMs },
      observations,
    });
    await this.#journal.close();
    return exitCode;
  }

  /** Version that each node is to run, as far as the run has come. */
  get versions(): Record<string, string> {
    return { ...this.#versions };
  }

  /** Every node as it is now. */
  async nodesNow(): Promise<NodeBefore[]> {
    const { topology, lab } = this.#options;
    return Promise.all(
      topology.nodes.map(async (node) => {
        const { state, identity } = await lab.observe(node);
        return {
          node: node.name,
          version: this.#versions[node.name] ?? node.release.version,
          digest: identity?.digest ?? 'none',
          generation: identity?.generation ?? 'none',
          state,
        };
      }),
    );
  }

  /** For what gates and guards tell from within; a failing journal shows at the next record that is waited for. */
  #recordSoon(event: RunEvent): void {
    this.record(event).catch(() => undefined);
  }
}

function versionsIn({ nodes }: Topology): Record<string, string> {
  return Object.fromEntries(nodes.map(({ name, release }) => [name, release.version]));
}
