import { createDirectDeployer } from '../../src/deploy/direct/direct-deployer.ts';
import type { Deployer } from '../../src/engine/deployer.ts';
import { makePlan } from '../../src/engine/plan.ts';
import { executeRun, type RunInputs, type RunResult } from '../../src/engine/run.ts';
import type { OnFailure } from '../../src/engine/runbook.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import type { FakeLab } from '../../src/lab/fake/fake-lab.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { gateWorld, worldNode, type GateWorld, type GateWorldOptions } from './gate-world.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A network in memory that runs can be executed on: the real engine and deployer, a fake lab, time only when told. */
export interface RunWorld extends GateWorld {
  topologyFor(versions: Record<string, string>): Promise<Topology>;
  /** Upgrades nodes to `to`; the result and the journal. */
  upgrade(options?: UpgradeOptions): Promise<{ result: RunResult; records: RunRecord[] }>;
  /** What was started and stopped since the world began, as `launch node-0 2.0.0`. */
  deeds(): string[];
}

export interface UpgradeOptions extends Partial<Pick<RunInputs, 'hasLoad' | 'expected' | 'isRepair'>> {
  /** Default 2.0.0. */
  to?: string;
  /** Default: all. */
  nodes?: readonly string[];
  /** Default `rollback`. */
  onFailure?: OnFailure;
  signal?: AbortSignal;
  /** Told of every record; may change the world, or throw. */
  onRecord?: (record: RunRecord) => void;
  deployer?: (plain: Deployer) => Deployer;
}

export async function runWorld(options: GateWorldOptions = {}): Promise<RunWorld> {
  const stateDir = await temporaryFolder();
  const world = await gateWorld({ ...options, topology: { stateDir, ...options.topology } });
  const { clock, lab, topology, profile, transport } = world;
  const first = lab.world.events.length;
  let runs = 0;

  const topologyFor = async (versions: Record<string, string>): Promise<Topology> => ({
    ...topology,
    nodes: topology.nodes.map(({ name, index, release }) => worldNode(index, versions[name] ?? release.version)),
  });

  const catchingUp: FakeLab = {
    ...lab,
    launch: async (node, call) => {
      // The chain went on without the node; what it missed it fetches at once.
      const heights = topology.nodes.flatMap(({ name }) => lab.world.heightOf(name) ?? []);
      await lab.launch(node, call);
      lab.world.setHeight(node.name, Math.max(...heights));
    },
  };

  async function upgrade(given: UpgradeOptions = {}): Promise<{ result: RunResult; records: RunRecord[] }> {
    const { to = '2.0.0', onFailure = 'rollback', hasLoad = false, isRepair = false } = given;
    const order = given.nodes ?? topology.nodes.map(({ name }) => name);
    const versions = Object.fromEntries(topology.nodes.map(({ name, release }) => [name, release.version]));
    const states = new Map(
      await Promise.all(topology.nodes.map(async (node) => [node.name, (await lab.observe(node)).state] as const)),
    );
    const plan = makePlan({
      topology,
      runbook: 'rolling-upgrade',
      parameters: {},
      changes: order.map((node) => ({ node, from: versions[node] ?? '', to })),
      onFailure,
      hasLoad,
      states,
    });
    const plain = createDirectDeployer({ lab: catchingUp, clock });
    const result = await until(
      world,
      executeRun({
        runId: `run-${++runs}`,
        topology,
        target: await topologyFor({ ...versions, ...Object.fromEntries(order.map((node) => [node, to])) }),
        topologyFor,
        profile,
        specHash: 'hash',
        versions,
        plan,
        order,
        onFailure,
        hasLoad,
        isRepair,
        lab: catchingUp,
        clock,
        transport,
        deployer: given.deployer?.(plain) ?? plain,
        reporter: { ...(given.onRecord && { onRecord: given.onRecord }) },
        signal: given.signal ?? new AbortController().signal,
        ...(given.expected && { expected: given.expected }),
      }),
    );
    return { result, records: (await readJournal(result.runDir)).records };
  }

  const deeds = (): string[] =>
    lab.world.events
      .slice(first)
      .filter(({ action }) => ['launch', 'start', 'stop'].includes(action))
      .map(({ action, node, generation }) => `${action} ${node} ${generation.replace('generation-', '')}`);

  return { ...world, topologyFor, upgrade, deeds };
}

/** Lets time pass until the promise has settled. The journal is written to a real disk, whose time is not the virtual one. */
async function until<T>({ clock }: GateWorld, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  promise.then(settle, settle);
  const limitMs = clock.monotonicMs() + 10 * 3_600_000;
  while (!isSettled && clock.monotonicMs() < limitMs) await clock.advance(100);
  if (!isSettled) throw new Error('ten virtual hours were not enough');
  return promise;
}
