import type { Clock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createDirectDeployer } from '../../src/deploy/direct/direct-deployer.ts';
import type { Deployer } from '../../src/engine/deployer.ts';
import { planFaults } from '../../src/engine/faults/plan-faults.ts';
import { makePlan, planHash } from '../../src/engine/planning/plan.ts';
import type { RunInputs } from '../../src/engine/run-context.ts';
import { executeRun, type RunResult } from '../../src/engine/run.ts';
import type { OnFailure, RunbookRules, RunbookStage } from '../../src/engine/runbook.ts';
import type { RunJournal } from '../../src/engine/session.ts';
import { readDeployedTopology, writeDeployedTopology } from '../../src/engine/state.ts';
import { Journal } from '../../src/journal/journal.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import type { FakeLab } from '../../src/lab/fake/fake-lab.ts';
import { changeWanted, type Wanted } from '../../src/topology/desired.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { gateWorld, worldNode, type GateWorld, type GateWorldOptions } from './gate-world.ts';
import { isDiskBusy } from './idle-disk.ts';
import { memoryFolder } from './temporary-folder.ts';

/** A network in memory that runs can be executed on: the real engine and deployer, a fake lab, time only when told. */
export interface RunWorld extends GateWorld {
  topologyFor(wanted: Wanted): Promise<Topology>;
  /** Upgrades nodes to `to`; the result and the journal. */
  upgrade(options?: UpgradeOptions): Promise<{ result: RunResult; records: RunRecord[] }>;
  /** What an upgrade is executed with, where a test wants to do it by hand. */
  inputs(options?: UpgradeOptions): Promise<RunInputs>;
  /** What the next process is given that goes on with the run. */
  resumed(inputs: RunInputs): Promise<RunInputs>;
  /** Lets time pass until the promise has settled. */
  untilSettled<T>(promise: Promise<T>, pace?: Pace): Promise<T>;
  /** What was started and stopped since the world began, as `launch node-0 2.0.0`. */
  deeds(): string[];
}

/** How time passes for a run: in such steps, between which the disk is waited for, and no longer than that. */
export interface Pace {
  /** Default 100. */
  stepMs?: number;
  /** Default ten hours. */
  limitMs?: number;
}

export interface UpgradeOptions extends Partial<Omit<RunbookRules, 'onFailure'>> {
  /** Default 2.0.0. */
  to?: string;
  /** Default: all. */
  nodes?: readonly string[];
  /** Default `rollback`. */
  onFailure?: OnFailure;
  /** Default: one stage that changes `nodes` to `to`. */
  stages?: RunbookStage[];
  runbook?: string;
  /** Default: nobody looks at the contract. */
  contract?: 'enforce' | 'warn';
  signal?: AbortSignal;
  /** Told of every record; may change the world, or throw. */
  onRecord?: (record: RunRecord) => void;
  deployer?: (plain: Deployer) => Deployer;
  lab?: (plain: FakeLab) => FakeLab;
  journal?: (plain: RunJournal) => RunJournal;
  /** What the run takes for the time. Default: the world's clock. */
  clock?: Clock;
}

export async function runWorld(options: GateWorldOptions = {}): Promise<RunWorld> {
  const stateDir = await memoryFolder();
  const world = await gateWorld({ ...options, topology: { stateDir, ...options.topology } });
  const { clock, lab, topology, profile, transport } = world;
  const first = lab.world.events.length;
  let runs = 0;

  const topologyFor = async (wanted: Wanted): Promise<Topology> => ({
    ...topology,
    nodes: topology.nodes.map(({ name, index, release }) =>
      worldNode(index, wanted.versions[name] ?? release.version, wanted.flags?.[name]),
    ),
  });

  /** The chain went on without a node that starts; what it missed it fetches at once. */
  const caughtUp =
    (begin: FakeLab['launch']): FakeLab['launch'] =>
    async (node, call) => {
      const heights = (): number[] => topology.nodes.flatMap(({ name }) => lab.world.heightOf(name) ?? []);
      const before = heights();
      await begin(node, call);
      const known = [...before, ...heights()];
      if (known.length > 0) lab.world.setHeight(node.name, Math.max(...known));
    };
  const catchingUp: FakeLab = { ...lab, launch: caughtUp(lab.launch), start: caughtUp(lab.start) };

  async function inputs(given: UpgradeOptions = {}): Promise<RunInputs> {
    const { to = '2.0.0', onFailure = 'rollback', hasLoad = false, isRepair = false, deadlineMs, restore } = given;
    const { runbook = 'rolling-upgrade' } = given;
    const order = given.nodes ?? topology.nodes.map(({ name }) => name);
    const changes = order.map((node) => ({ node, version: to }));
    const written = given.stages ?? [{ kind: 'change', id: runbook, changes }];
    const now = (await readDeployedTopology(stateDir)) ?? topology;
    const before: Wanted = {
      versions: Object.fromEntries(now.nodes.map(({ name, release }) => [name, release.version])),
    };
    const states = new Map(
      await Promise.all(now.nodes.map(async (node) => [node.name, (await lab.observe(node)).state] as const)),
    );
    const seen = new Map([...states].map(([node, state]) => [node, { state }]));
    const { stages, faults } = await planFaults({ stages: written, topology: now, lab, states: seen });
    let wanted = before;
    const targets = new Map<string, Topology>();
    for (const stage of stages) {
      if (stage.kind !== 'change') continue;
      wanted = changeWanted(wanted, stage.changes);
      targets.set(stage.id, await topologyFor(wanted));
    }
    const plan = makePlan({
      topology: now,
      runbook,
      parameters: {},
      stages,
      versions: before.versions,
      targets,
      faults,
      onFailure,
      hasLoad,
      isRepair,
      deadlineMs,
      restore,
      contract: given.contract,
      drill: given.drill,
      states,
    });
    const usedLab = given.lab?.(catchingUp) ?? catchingUp;
    const { clock: ownClock = clock } = given;
    const plain = createDirectDeployer({ lab: usedLab, clock: ownClock });
    const runId = `run-${++runs}`;
    const journal = given.journal?.(await Journal.create(runFolder(stateDir, runId), ownClock));
    await writeDeployedTopology(now);
    return {
      runId,
      topology: now,
      topologyFor,
      profile,
      specHash: 'hash',
      before,
      releases: [],
      plan,
      lab: usedLab,
      clock: ownClock,
      transport,
      random: seededRandom(1),
      journal,
      deployer: given.deployer?.(plain) ?? plain,
      reporter: { ...(given.onRecord && { onRecord: given.onRecord }) },
      signal: given.signal ?? new AbortController().signal,
    };
  }

  async function resumed(cut: RunInputs): Promise<RunInputs> {
    const { journal, records } = await Journal.open(runFolder(stateDir, cut.runId), clock);
    return {
      ...cut,
      journal,
      resumes: { records, acceptedCode: false },
      deployed: (await readDeployedTopology(stateDir)) ?? cut.topology,
      lab: catchingUp,
      deployer: createDirectDeployer({ lab: catchingUp, clock }),
      reporter: {},
      signal: new AbortController().signal,
    };
  }

  async function upgrade(given: UpgradeOptions = {}): Promise<{ result: RunResult; records: RunRecord[] }> {
    const result = await until(world, executeRun(await inputs(given)));
    return { result, records: (await readJournal(result.runDir)).records };
  }

  const deeds = (): string[] =>
    lab.world.events
      .slice(first)
      .filter(({ action }) => ['launch', 'start', 'stop', 'snapshot', 'restore'].includes(action))
      .map(({ action, node, generation }) => `${action} ${node} ${generation.replace('generation-', '')}`);

  const untilSettled = <T>(promise: Promise<T>, pace?: Pace): Promise<T> => until(world, promise, pace);
  return { ...world, topologyFor, inputs, resumed, upgrade, untilSettled, deeds };
}

/** Hash of a plan, as somebody who approves it must give it. */
export function hashOfPlan({ plan }: RunInputs): string {
  return planHash(plan);
}

/** Lets time pass until the promise has settled. The journal is written to a real disk, whose time is not the virtual one. */
async function until<T>({ clock }: GateWorld, promise: Promise<T>, pace: Pace = {}): Promise<T> {
  const { stepMs = 100, limitMs: longestMs = 10 * 3_600_000 } = pace;
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  promise.then(settle, settle);
  const limitMs = clock.monotonicMs() + longestMs;
  while (!isSettled && clock.monotonicMs() < limitMs) {
    await clock.advance(stepMs);
    while (!isSettled && isDiskBusy()) await new Promise((resolve) => setImmediate(resolve));
  }
  if (!isSettled) throw new Error(`${longestMs / 3_600_000} virtual hours were not enough`);
  return promise;
}
