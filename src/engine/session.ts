import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { abortedError, type Clock } from '../core/clock.ts';
import { directSource } from '../gates/direct-source.ts';
import type { GuardFailure } from '../gates/gate-evidence.ts';
import { createGateKeeper } from '../gates/gate-keeper.ts';
import type { GateProgress } from '../gates/gate-progress.ts';
import { httpTransport } from '../gates/http-transport.ts';
import { createProbeClient, type HttpTransport } from '../gates/probe-client.ts';
import { storeEvidence } from '../journal/evidence.ts';
import { Journal } from '../journal/journal.ts';
import { ObservationWriter } from '../journal/observations.ts';
import type { NodeBefore, Plan, RunCost, RunEvent, RunRecord, RunStart } from '../journal/records.ts';
import { runFolder } from '../journal/run-files.ts';
import type { Lab, LabLease } from '../lab/lab.ts';
import { openLedger, type Ledger } from '../load/ledger.ts';
import type { ProbeClient, SystemProfile } from '../spec/profile.ts';
import type { Wanted } from '../topology/desired.ts';
import type { ResolvedRelease, Topology } from '../topology/topology.ts';
import { codeHash } from './code-hash.ts';
import { ContractGate } from './contract-gate.ts';
import { watchAlerts } from './drill/alert-watch.ts';
import { DrillTracker } from './drill/drill-tracker.ts';
import { exitCodeOf, type Ending } from './ending/outcome.ts';
import { createObserver, type Observer } from './observer.ts';
import { planHash } from './planning/plan.ts';
import { keepDesired, rollHooks, type RolledStage } from './roll-hooks.ts';
import { forgetRequests, RunControl } from './run-control.ts';
import { RunGates } from './run-gates.ts';
import { RunState } from './run-state.ts';
import type { Snapshots } from './snapshots.ts';
import { alertmanagerUrlOf, writeDeployedTopology } from './state.ts';

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
  /** What each node runs, or is to run, before the run. */
  before: Wanted;
  /** The releases that the plan may start, as they were resolved. */
  releases: readonly ResolvedRelease[];
  plan: Plan;
  lab: Lab;
  clock: Clock;
  /** From 0 to 1; what it decides is journalled. */
  random(): number;
  reporter: RunReporter;
  signal: AbortSignal;
  /** The testnet's lease, checked before every effect. */
  lease?: LabLease | undefined;
  /** The journal, opened. Default: that of a new run is made. */
  journal?: RunJournal | undefined;
  /** An earlier process wrote these records; the run goes on after them. */
  resumes?: { records: readonly RunRecord[]; acceptedCode: boolean; abortBy?: string } | undefined;
  /** The topology as it is deployed, where a run that goes on has moved it already. Default: `topology`. */
  deployed?: Topology | undefined;
  /** Where the testnet's Prometheus is reached from here. */
  prometheusUrl?: string | undefined;
  /** How nodes are asked. Default: HTTP. */
  transport?: HttpTransport | undefined;
}

/** Stands for what a lab that does not answer would have said. */
const unseen = { state: 'unknown', identity: undefined };

/** What a run needs of its journal. */
export type RunJournal = Pick<Journal, 'append' | 'close'>;

/**
 * One run: its journal, the eyes on the network, and the hooks with which a deployer is steered. A scripted run, `seatrial up`
 * and a `pulumi up` typed by hand all go through it.
 */
export class RunSession {
  readonly runDir: string;
  readonly clients: ReadonlyMap<string, ProbeClient>;
  /** The same on the way that traffic takes, where faults of clients are felt. */
  readonly trafficClients: ReadonlyMap<string, ProbeClient>;
  readonly ledger: Ledger;
  readonly observer: Observer;
  readonly contract: ContractGate;
  /** Of a run that is a drill. */
  readonly drill: DrillTracker | undefined;
  /** How far it has come. */
  readonly state: RunState;
  /** What its operator asks of it while it goes on. */
  readonly control: RunControl;
  readonly #options: SessionOptions;
  readonly #journal: RunJournal;
  readonly #observations: ObservationWriter;
  /** Ends what looks on while the run goes on. */
  readonly #over = new AbortController();
  #alertsWatched: Promise<void> = Promise.resolve();
  /** Nothing stands after the last record of a run. */
  #guardRecorded: Promise<void> = Promise.resolve();
  readonly #deployed: { topology: Topology };
  /** The gates of this run, and what they look at. */
  readonly gates: RunGates;

  private constructor(
    options: SessionOptions,
    parts: { journal: RunJournal; observations: ObservationWriter; ledger: Ledger },
  ) {
    const { topology, lab, profile, clock } = options;
    const transport = options.transport ?? httpTransport(clock);
    this.#options = options;
    this.#journal = parts.journal;
    this.#observations = parts.observations;
    this.ledger = parts.ledger;
    this.runDir = runFolder(topology.stateDir, options.runId);
    this.state = new RunState(options.before, options.resumes?.records);
    this.control = new RunControl({
      runDir: this.runDir,
      clock,
      planHash: planHash(options.plan),
      record: (event) => this.record(event),
    });
    const { plan, resumes } = options;
    this.drill =
      plan.drill &&
      new DrillTracker({
        plan,
        drill: plan.drill,
        ledger: parts.ledger,
        records: resumes?.records ?? [],
        record: (event) => this.record(event),
      });
    this.#deployed = { topology: options.deployed ?? topology };
    const clientsOn = (way: 'endpoint' | 'clientEndpoint'): ReadonlyMap<string, ProbeClient> =>
      new Map(
        topology.nodes.map((node) => {
          const baseUrl = (port: string): string => lab[way]?.(node, port) ?? lab.endpoint(node, port);
          return [node.name, createProbeClient({ baseUrl, transport, timeoutMs: 8_000 })];
        }),
      );
    this.clients = clientsOn('endpoint');
    this.trafficClients = clientsOn('clientEndpoint');
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
      onSlot: (reading) => {
        this.observer.see(reading);
        this.drill?.look(reading).catch(() => undefined);
      },
      onProgress: options.reporter.onGate,
      onPhase: (gate, phase) => this.#recordSoon({ type: 'gate.phase', gate, phase }),
      onGuardFailed: (failure) => {
        this.#guardRecorded = this.#recordGuard(failure).catch(() => undefined);
      },
      storeSegment: async (gate, segment) => {
        const evidence = await storeEvidence(this.runDir, segment);
        await this.record({ type: 'gate.segment', gate, index: segment.index, evidence });
        return evidence;
      },
    });
    const source = directSource({ profile, lab, clock, transport });
    this.gates = new RunGates({
      ...options,
      transport,
      keeper,
      source,
      runDir: this.runDir,
      state: this.state,
      record: (event) => this.record(event),
    });
    this.contract = new ContractGate({
      ...options,
      transport,
      runDir: this.runDir,
      state: this.state,
      record: (event) => this.record(event),
    });
    keeper.start();
    const { prometheusUrl } = options;
    if (this.drill && prometheusUrl !== undefined) {
      this.#alertsWatched = watchAlerts({
        tracker: this.drill,
        prometheusUrl,
        alertmanagerUrl: alertmanagerUrlOf(topology),
        alertmanagerConfig: topology.monitoring?.alertmanagerConfig,
        transport,
        clock,
        signal: this.#over.signal,
      });
    }
  }

  /** Starts a run, or goes on with one: its first record is on the disk when this resolves. */
  static async open(options: SessionOptions): Promise<RunSession> {
    const { topology, clock, runId, resumes, lease } = options;
    const runDir = runFolder(topology.stateDir, runId);
    const journal = options.journal ?? (await Journal.create(runDir, clock));
    const observations = await ObservationWriter.open(runDir, clock);
    const ledger = await openLedger(join(runDir, 'ledger.jsonl'), {
      clock,
      keepsTransactions: options.plan.steps.some(({ kind }) => kind === 'verify'),
    });
    const session = new RunSession(options, { journal, observations, ledger });
    try {
      await session.record(resumes ? await resumed(resumes.acceptedCode) : await session.#started());
      if (lease) await session.record({ type: 'lease.taken', token: lease.token });
    } catch (error) {
      await session.abandon();
      throw error;
    }
    return session;
  }

  async #started(): Promise<RunEvent> {
    const { topology, runId, plan, specHash, before, releases } = this.#options;
    const start: RunStart = { specHash, before, releases: [...releases] };
    return {
      type: 'run.started',
      runId,
      testnet: topology.testnet,
      system: topology.system,
      lab: topology.lab,
      runbook: plan.runbook,
      planHash: planHash(plan),
      plan,
      seatrialVersion,
      code: await codeHash(),
      inputs: await storeEvidence(this.runDir, start),
      before: await this.nodesNow(),
    };
  }

  /** Lets go of everything where no last record can be written. Failures are left out: the one that led here is told. */
  async abandon(): Promise<void> {
    this.#over.abort();
    this.control.close();
    await Promise.allSettled([
      this.gates.close(),
      this.ledger.close(),
      this.#observations.close(),
      this.#journal.close(),
    ]);
  }

  async record(event: RunEvent): Promise<void> {
    const record = await this.#journal.append(event);
    this.state.add(record);
    this.#options.reporter.onRecord?.(record);
    await this.drill?.see(record);
  }

  /** The hooks of one stage of changes; see `rollHooks`. */
  hooks(stage: RolledStage, signal: AbortSignal, snapshots?: Snapshots): ReturnType<typeof rollHooks> {
    const { lab, clock, specHash, plan, lease } = this.#options;
    return rollHooks({
      stage,
      lab,
      clock,
      gates: this.gates,
      // What goes back may lose what the newer release had.
      ...(stage.id !== 'rollback' && { contract: this.contract }),
      state: this.state,
      specHash,
      isUp: plan.runbook === 'up',
      lease,
      deployed: this.#deployed,
      snapshots,
      record: (event) => this.record(event),
      // A way back that is begun is gone to its end.
      awaitTurn: (until) => (stage.isRollback ? this.requireLease(until) : this.awaitTurn(until)),
      signal,
    });
  }

  /** Before a step: nobody has paused or ended the run, no guard has failed, and the testnet is still ours. */
  async awaitTurn(signal: AbortSignal): Promise<void> {
    await this.control.whilePaused(signal);
    if (signal.aborted) throw abortedError(signal);
    this.gates.throwIfGuardFailed();
    await this.requireLease(signal);
  }

  /** Before something is done. Throws RefusedError('locked') when the testnet is another's now. */
  async requireLease(signal: AbortSignal): Promise<void> {
    await this.#options.lease?.check({ signal });
  }

  /** Ends the run: last record, everything closed. Returns the exit code. */
  async finish(ending: Ending, cost: Pick<RunCost, 'lost' | 'duplicated'>): Promise<number> {
    this.#over.abort();
    this.control.close();
    await this.gates.close();
    await this.#alertsWatched;
    await this.#guardRecorded;
    const seen = this.observer.cost();
    await this.ledger.close();
    const { hash: observations, loss } = await this.#observations.close();
    if (loss !== undefined) await this.record({ type: 'note', level: 'warning', text: loss });
    const durationMs = Math.max(0, this.#options.clock.wallMs() - this.state.startedAtMs);
    const { outcome, reason, left = [] } = ending;
    const exitCode = exitCodeOf(outcome, left);
    await this.record({
      type: 'run.finished',
      outcome,
      exitCode,
      ...(reason !== undefined && { reason }),
      ...(left.length > 0 && { left }),
      after: await this.nodesNow({ mayBeUnknown: true }),
      cost: { ...seen, ...cost, durationMs },
      observations,
    });
    await this.#journal.close();
    await forgetRequests(this.runDir);
    return exitCode;
  }

  /** The topology as far as the run has come. */
  get deployed(): Topology {
    return this.#deployed.topology;
  }

  /** Writes down that these nodes are, and are to be, as in this topology. */
  async standAt(names: readonly string[], topology: Topology): Promise<void> {
    const { specHash, plan } = this.#options;
    const others = this.deployed.nodes.filter(({ name }) => !names.includes(name));
    const nodes = [...others, ...topology.nodes.filter(({ name }) => names.includes(name))];
    this.#deployed.topology = { ...this.deployed, nodes: nodes.sort((a, b) => a.index - b.index) };
    await writeDeployedTopology(this.deployed);
    // An `up` has written down all that the testnet file wants, however far it comes.
    if (plan.runbook !== 'up') await keepDesired(topology.stateDir, specHash, this.state.wanted);
  }

  /** Version that each node is to run, as far as the run has come. */
  get versions(): Record<string, string> {
    return { ...this.state.wanted.versions };
  }

  /** Every node as it is now. `mayBeUnknown`: a lab that does not answer keeps nobody from ending the run. */
  async nodesNow({ mayBeUnknown = false } = {}): Promise<NodeBefore[]> {
    const { lab } = this.#options;
    return Promise.all(
      this.deployed.nodes.map(async (node) => {
        const seen = lab.observe(node);
        const { state, identity } = mayBeUnknown ? await seen.catch(() => unseen) : await seen;
        return {
          node: node.name,
          version: this.state.wanted.versions[node.name] ?? node.release.version,
          digest: identity?.digest ?? 'none',
          generation: identity?.generation ?? 'none',
          state,
          ...(Object.keys(node.flags).length > 0 && { flags: node.flags }),
        };
      }),
    );
  }

  async #recordGuard({ node, check, reason, evidence }: GuardFailure): Promise<void> {
    const hash = evidence && (await storeEvidence(this.runDir, evidence));
    await this.record({ type: 'guard.failed', step: 'guard', node, check, reason, ...(hash && { evidence: hash }) });
  }

  /** For what gates and guards tell from within; a failing journal shows at the next record that is waited for. */
  #recordSoon(event: RunEvent): void {
    this.record(event).catch(() => undefined);
  }
}

async function resumed(acceptedCode: boolean): Promise<RunEvent> {
  const by = { host: hostname(), pid: process.pid };
  const code = await codeHash();
  return { type: 'run.resumed', by, seatrialVersion, code, ...(acceptedCode && { acceptedCode }) };
}
