import { RefusedError, UsageError } from '../core/errors.ts';
import { listRuns } from '../journal/list-runs.ts';
import { readJournal } from '../journal/read-journal.ts';
import type { Plan } from '../journal/records.ts';
import { runFolder } from '../journal/run-files.ts';
import type { Lab, NodeObservation } from '../lab/lab.ts';
import type { Topology } from '../topology/topology.ts';
import type { NodeChange } from './deployer.ts';
import { readKnownReleases, versionOfDigest } from './known-releases.ts';
import { completeParameters } from './load-runbook.ts';
import { hasPassed } from './passed.ts';
import { makePlan, type PlannedChange } from './plan.ts';
import type { Project } from './project.ts';
import type { OnFailure, PastChange, Runbook } from './runbook.ts';

/** All that is decided before anything is touched. */
export interface PreparedRun {
  plan: Plan;
  /** As it is now. */
  topology: Topology;
  /** As it is to be. */
  target: Topology;
  /** What each node really runs; where nothing runs, what it is to run. */
  versions: Record<string, string>;
  order: string[];
  onFailure: OnFailure;
  hasLoad: boolean;
  /** It may begin without a quorum where it touches broken nodes alone. */
  isRepair: boolean;
  /** What a preview must show exactly; undefined where the file decides, as with `up`. */
  expected?: NodeChange[];
}

/** Expands a runbook against the testnet as it is. Throws UsageError for parameters that cannot be met. */
export async function prepareRunbook(
  project: Project,
  lab: Lab,
  runbook: Runbook,
  given: Record<string, string>,
  signal?: AbortSignal,
): Promise<PreparedRun> {
  const parameters = completeParameters(runbook, given);
  const wanted = await project.topology(project.desired.versions, signal);
  const { states, versions } = await look(project, lab, wanted);
  const topology = await project.topology(await startingVersions(project, states, versions), signal);
  const {
    changes,
    onFailure,
    hasLoad = true,
    isRepair = false,
  } = runbook.plan({
    testnet: project.name,
    nodes: topology.nodes.map(({ name, role, startOrder, votingPower }) => ({
      name,
      role,
      startOrder,
      votingPower,
      version: versions[name] ?? '',
      state: states.get(name)?.state ?? 'absent',
    })),
    releases: Object.keys(project.loaded.spec.releases),
    parameters,
    history: await history(project.stateDir),
  });
  const absent = topology.nodes.filter(({ name }) => states.get(name)?.state === 'absent');
  if (absent.length > 0) {
    const names = absent.map(({ name }) => name).join(', ');
    throw new UsageError(
      `${names} of ${project.name} ${absent.length === 1 ? 'does' : 'do'} not exist; bring the testnet up first with: seatrial up stacks/${project.name}.yaml`,
    );
  }
  const target = await project.topology(
    { ...versions, ...Object.fromEntries(changes.map(({ node, version }) => [node, version])) },
    signal,
  );
  return prepared({
    project,
    topology,
    target,
    states,
    versions,
    runbook: runbook.name,
    parameters,
    onFailure,
    hasLoad: hasLoad && project.profile.submit !== undefined && topology.loadPerSecond > 0,
    isRepair,
    order: changes.map(({ node }) => node),
  });
}

/** What `seatrial up` is to do: whatever differs from the testnet file. Nothing is rolled back when it fails. */
export async function prepareUp(
  project: Project,
  lab: (topology: Topology) => Promise<Lab>,
  signal?: AbortSignal,
): Promise<PreparedRun> {
  const target = await project.topology(project.desired.versions, signal);
  const { states, versions } = await look(project, await lab(target), target);
  const isOff = (node: Topology['nodes'][number]): boolean => {
    const found = states.get(node.name);
    return found?.state !== 'running' || found.identity?.generation !== node.generation;
  };
  const isBroken = (name: string): boolean => states.get(name)?.state !== 'running';
  const order = target.nodes
    .filter(isOff)
    .sort((a, b) => Number(isBroken(b.name)) - Number(isBroken(a.name)) || a.startOrder - b.startOrder)
    .map(({ name }) => name);
  return prepared({
    project,
    topology: target,
    target,
    states,
    versions,
    runbook: 'up',
    parameters: {},
    onFailure: 'hold',
    hasLoad: false,
    isRepair: true,
    order,
  });
}

interface PreparedInputs {
  project: Project;
  topology: Topology;
  target: Topology;
  states: ReadonlyMap<string, NodeObservation>;
  versions: Record<string, string>;
  runbook: string;
  parameters: Record<string, string>;
  onFailure: OnFailure;
  hasLoad: boolean;
  isRepair: boolean;
  order: string[];
}

function prepared(inputs: PreparedInputs): PreparedRun {
  const { topology, target, states, versions, order, onFailure, hasLoad, isRepair } = inputs;
  const targetOf = (node: string): string => target.nodes.find(({ name }) => name === node)?.release.version ?? '';
  const changes: PlannedChange[] = order.map((node) => ({ node, from: versions[node] ?? '', to: targetOf(node) }));
  const stateOf = new Map([...states].map(([node, { state }]) => [node, state]));
  const plan = makePlan({
    topology,
    runbook: inputs.runbook,
    parameters: inputs.parameters,
    changes,
    onFailure,
    hasLoad,
    states: stateOf,
  });
  const expected = order.map((node): NodeChange => ({
    node,
    kind: stateOf.get(node) === 'absent' ? 'create' : 'replace',
  }));
  // With `up` the file decides, beside the nodes as well: whatever differs is wanted.
  const isScripted = inputs.runbook !== 'up';
  return { plan, topology, target, versions, order, onFailure, hasLoad, isRepair, ...(isScripted && { expected }) };
}

async function look(
  project: Project,
  lab: Lab,
  topology: Topology,
): Promise<{ states: Map<string, NodeObservation>; versions: Record<string, string> }> {
  const observations = await Promise.all(topology.nodes.map((node) => lab.observe(node)));
  const foreign = observations.find(({ state }) => state === 'foreign');
  if (foreign) {
    throw new RefusedError(
      'drift',
      `${foreign.node} is taken by something that Seatrial did not make: ${foreign.detail ?? 'no details'}`,
    );
  }
  const known = await readKnownReleases(project.stateDir);
  const versions = topology.nodes.map((node, index) => {
    const digest = observations[index]?.identity?.digest;
    const wanted = node.release.version;
    return [node.name, (digest === undefined ? undefined : versionOfDigest(known, digest, wanted)) ?? wanted] as const;
  });
  return { states: new Map(observations.map((found) => [found.node, found])), versions: Object.fromEntries(versions) };
}

/**
 * What each node is to run when a run begins: what it passed its gate with; otherwise what is wanted. They differ after an `up` that
 * failed half-way, which a run may take up from.
 */
async function startingVersions(
  project: Project,
  states: ReadonlyMap<string, NodeObservation>,
  running: Record<string, string>,
): Promise<Record<string, string>> {
  const versions = { ...project.desired.versions };
  for (const [node, { identity }] of states) {
    const version = running[node];
    if (!identity || version === undefined || !(await hasPassed(project.stateDir, node, identity))) continue;
    versions[node] = version;
  }
  return versions;
}

/** What earlier runs changed, newest first; runs whose journal is broken cannot tell. */
async function history(stateDir: string): Promise<PastChange[]> {
  const past: PastChange[] = [];
  for (const run of await listRuns(stateDir)) {
    if (run.outcome === 'corrupt') continue;
    const { records } = await readJournal(runFolder(stateDir, run.id));
    const started = records.find((record) => record.type === 'run.started');
    if (!started) continue;
    // What the run was about to do counts like what it did: a killed run may have done it.
    const after: Record<string, string> = {};
    for (const record of records) {
      if (record.type === 'intent') after[record.node] = record.toVersion;
      if (record.type === 'done') after[record.node] = record.version;
    }
    const before = started.before.filter(({ node, state }) => node in after && state !== 'absent');
    past.push({
      runId: run.id,
      runbook: started.runbook,
      outcome: run.outcome,
      before: Object.fromEntries(before.map(({ node, version }) => [node, version])),
      after,
    });
  }
  return past;
}
