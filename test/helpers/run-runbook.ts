import { rememberReleases } from '../../src/engine/known-releases.ts';
import { prepareRunbook, type PreparedRun } from '../../src/engine/planning/prepare.ts';
import type { Project } from '../../src/engine/project.ts';
import type { RunInputs } from '../../src/engine/run-context.ts';
import { executeRun, type RunResult } from '../../src/engine/run.ts';
import type { Runbook } from '../../src/engine/runbook.ts';
import { readDeployedTopology, writeDeployedTopology } from '../../src/engine/state.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import type { SpecNode } from '../../src/spec/nodes.ts';
import { readDesired } from '../../src/topology/desired.ts';
import { worldNode } from './gate-world.ts';
import type { RunWorld, UpgradeOptions } from './run-world.ts';

const versions = ['1.0.0', '2.0.0', '3.0.0'];

/** The testnet of a world in memory, as its file would describe it: all nodes on 1.0.0, and two newer releases. */
export async function projectOf({ topology, profile, topologyFor }: RunWorld): Promise<Project> {
  const { testnet: name, stateDir } = topology;
  const nodes = topology.nodes.map((node): SpecNode => ({ name: node.name, version: '1.0.0' }) as SpecNode);
  await rememberReleases(
    stateDir,
    versions.map((version) => worldNode(0, version).release),
  );
  const releases = Object.fromEntries(versions.map((version) => [version, {}]));
  return {
    root: '/nowhere',
    name,
    stateDir,
    loaded: { name, hash: 'hash', spec: { releases } } as unknown as Project['loaded'],
    profile,
    nodes,
    desired: await readDesired(stateDir, 'hash', nodes),
    keepReleases: () => undefined,
    pinReleases: () => undefined,
    topology: topologyFor,
  };
}

/** Plans a runbook against the world as it is now. */
export async function prepareIn(
  world: RunWorld,
  runbook: Runbook,
  set: Record<string, string> = {},
): Promise<PreparedRun> {
  return prepareRunbook(await projectOf(world), world.lab, runbook, set);
}

/** What a prepared runbook is executed with. */
export async function runbookInputs(
  world: RunWorld,
  runbook: Runbook,
  set: Record<string, string> = {},
  given: UpgradeOptions = {},
): Promise<RunInputs> {
  const { plan, topology, before, releases } = await prepareIn(world, runbook, set);
  const deployed = await readDeployedTopology(world.topology.stateDir);
  const inputs = await world.inputs({ ...given, stages: [] });
  await writeDeployedTopology(deployed ?? topology);
  return { ...inputs, plan, topology, before, releases };
}

/** Plans a runbook as the command line does, and executes it. */
export async function runRunbook(
  world: RunWorld,
  runbook: Runbook,
  set: Record<string, string> = {},
  given: UpgradeOptions = {},
): Promise<{ result: RunResult; records: RunRecord[]; inputs: RunInputs }> {
  const inputs = await runbookInputs(world, runbook, set, given);
  const result = await world.untilSettled(executeRun(inputs));
  return { inputs, result, records: (await readJournal(result.runDir)).records };
}
