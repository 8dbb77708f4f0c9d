import { RefusedError, UsageError } from '../../core/errors.ts';
import { quorumBudget } from '../../gates/quorum-budget.ts';
import type { Plan } from '../../journal/records.ts';
import type { Lab, NodeObservation } from '../../lab/lab.ts';
import { changeWanted, type Wanted } from '../../topology/desired.ts';
import type { ResolvedRelease, Topology } from '../../topology/topology.ts';
import { readKnownReleases, versionOfDigest } from '../known-releases.ts';
import { completeParameters } from './complete-parameters.ts';
import { drillTargets } from '../drill/drill-targets.ts';
import { drawSeeds } from './draw-seeds.ts';
import { prepareFaults } from '../faults/prepare-faults.ts';
import type { PlannedFaults } from '../faults/plan-faults.ts';
import { offeredTraffic } from './offered-traffic.ts';
import { hasPassed } from '../passed.ts';
import { pastChanges } from './past-changes.ts';
import { makePlan } from './plan.ts';
import { readDeployedTopology } from '../state.ts';
import type { Project } from '../project.ts';
import { requireCapable } from './require-capable.ts';
import { requireOwnData } from '../resuming/own-data.ts';
import { requireUsable } from './require-usable.ts';
import type { Runbook, RunbookRules, RunbookStage } from '../runbook.ts';

/** All that is decided before anything is touched. */
export interface PreparedRun {
  plan: Plan;
  /** As it is now. */
  topology: Topology;
  /** As it is to be when all went well. */
  target: Topology;
  /** What each node really runs; where nothing runs, what it is to run. */
  before: Wanted;
  /** Every release that the plan may start. */
  releases: ResolvedRelease[];
}

/** Expands a runbook against the testnet as it is. Throws UsageError for parameters that cannot be met. */
export async function prepareRunbook(
  project: Project,
  lab: Lab,
  runbook: Runbook,
  given: Record<string, string>,
  signal?: AbortSignal,
): Promise<PreparedRun> {
  const parameters = drawSeeds(runbook, completeParameters(runbook, given));
  const wanted = await project.topology(project.desired, signal);
  const { states, versions } = await look(project, lab, wanted);
  const topology = await project.topology(
    { ...project.desired, versions: await startingVersions(project, states, versions) },
    signal,
  );
  const capabilities = await lab.faults?.capabilities({ signal });
  const traffic = offeredTraffic(project.profile, topology);
  const expanded = runbook.plan({
    testnet: project.name,
    nodes: topology.nodes.map(({ name, role, startOrder, votingPower, flags }) => ({
      name,
      role,
      startOrder,
      votingPower,
      flags,
      version: versions[name] ?? '',
      state: states.get(name)?.state ?? 'absent',
    })),
    releases: topology.lab === 'attached' ? Object.values(versions) : Object.keys(project.loaded.spec.releases),
    toggles: Object.fromEntries(Object.entries(project.profile.toggles ?? {}).map(([name, { flag }]) => [name, flag])),
    gate: topology.gate,
    parameters,
    history: await pastChanges(project.stateDir),
    drills: drillTargets(project.loaded.spec),
    hasMonitoring: topology.monitoring !== undefined,
    traffic,
    ...(capabilities && { faults: { topology, capabilities } }),
  });
  requirePresent(project, topology, states);
  const { hasLoad = true, instead, ...rules } = expanded;
  const written: RunbookStage[] =
    'stages' in expanded ? expanded.stages : [{ kind: 'change', id: runbook.name, changes: expanded.changes }];
  requireUsable(written, topology, project.profile, traffic);
  requireCapable(topology, written);
  try {
    const { stages, faults } = await prepareFaults(project, lab, topology, states, written, signal);
    return await prepared(
      {
        project,
        topology,
        states,
        before: { ...project.desired, versions },
        runbook: runbook.name,
        parameters,
        stages,
        faults,
        rules: { ...rules, hasLoad: hasLoad && traffic === true },
      },
      signal,
    );
  } catch (error) {
    if (instead === undefined || !(error instanceof RefusedError) || error.code !== 'unsafe') throw error;
    const { message, details } = error;
    throw new RefusedError('unsafe', `${message}; ${instead}`, { details, cause: error });
  }
}

export interface StagesRequest {
  /** What the run is called. */
  name: string;
  parameters: Record<string, string>;
  stages: RunbookStage[];
  /** Nodes that do not exist are made by the stages. Default false. */
  mayBeAbsent?: boolean;
}

/**
 * A run of stages that a command asks for, without a runbook. Nothing is rolled back when it fails, and no traffic is offered. Throws UsageError
 * for nodes that do not exist.
 */
export async function prepareStages(
  project: Project,
  lab: Lab,
  { name, parameters, stages, mayBeAbsent = false }: StagesRequest,
  signal?: AbortSignal,
): Promise<PreparedRun> {
  const wanted = await project.topology(project.desired, signal);
  const { states, versions } = await look(project, lab, wanted);
  const running = await startingVersions(project, states, versions);
  const topology = await project.topology({ ...project.desired, versions: running }, signal);
  requireUsable(stages, topology, project.profile, offeredTraffic(project.profile, topology));
  requireCapable(topology, stages);
  if (!mayBeAbsent) requirePresent(project, topology, states);
  const rules = { onFailure: 'hold', hasLoad: false, isRepair: true, isForward: false } as const;
  const before = { ...project.desired, versions };
  return prepared({ project, topology, states, before, runbook: name, parameters, stages, rules }, signal);
}

/** What `seatrial up` is to do: whatever differs from the testnet file. Nothing is rolled back when it fails. */
export async function prepareUp(
  project: Project,
  lab: (topology: Topology) => Promise<Lab>,
  signal?: AbortSignal,
): Promise<PreparedRun> {
  const target = await project.topology(project.desired, signal);
  const { states, versions } = await look(project, await lab(target), target);
  const stopped = target.nodes.filter(({ name }) => states.get(name)?.state === 'stopped').map(({ name }) => name);
  await requireOwnData(project.stateDir, target, stopped);
  const restart = await restartOf(project.stateDir, target, states);
  const isOff = (node: Topology['nodes'][number]): boolean => {
    const found = states.get(node.name);
    const started = restart?.nodes.find(({ name }) => name === node.name);
    if (started) return started.generation !== node.generation;
    return found?.state !== 'running' || found.identity?.generation !== node.generation;
  };
  const isBroken = (name: string): boolean => states.get(name)?.state !== 'running';
  const changes = target.nodes
    .filter(isOff)
    .sort((a, b) => Number(isBroken(b.name)) - Number(isBroken(a.name)) || a.startOrder - b.startOrder)
    .map(({ name, release }) => ({ node: name, version: release.version }));
  return prepared(
    {
      project,
      topology: restart?.topology ?? target,
      states,
      before: { ...project.desired, versions: { ...versions, ...restart?.versions } },
      runbook: 'up',
      parameters: {},
      stages: [
        ...(restart
          ? [{ kind: 'start-together' as const, id: 'start', nodes: restart.nodes.map(({ name }) => name) }]
          : []),
        { kind: 'change', id: 'up', changes },
      ],
      rules: { onFailure: 'hold', hasLoad: false, isRepair: true },
    },
    signal,
  );
}

function requirePresent(project: Project, { nodes }: Topology, states: ReadonlyMap<string, NodeObservation>): void {
  const absent = nodes.filter(({ name }) => states.get(name)?.state === 'absent');
  if (absent.length === 0) return;
  const names = absent.map(({ name }) => name).join(', ');
  throw new UsageError(
    `${names} of ${project.name} ${absent.length === 1 ? 'does' : 'do'} not exist; bring the testnet up first with: seatrial up stacks/${project.name}.yaml`,
  );
}

interface Restart {
  /** Nodes that are started as they were last brought up. */
  nodes: Topology['nodes'];
  versions: Record<string, string>;
  /** As it is once they run. */
  topology: Topology;
}

/**
 * Nodes that stand still and must be started together: too few run for the quorum, so that one by one none could pass its gate. They
 * come back as they were; what the file wants of them since is brought about afterwards, node by node.
 */
async function restartOf(
  stateDir: string,
  target: Topology,
  states: ReadonlyMap<string, NodeObservation>,
): Promise<Restart | undefined> {
  const deployed = await readDeployedTopology(stateDir);
  const isStopped = ({ name }: { name: string }): boolean => states.get(name)?.state === 'stopped';
  const nodes = deployed?.nodes.filter(
    (node) => isStopped(node) && target.nodes.some(({ name }) => name === node.name),
  );
  if (!deployed || !nodes || nodes.length === 0) return undefined;
  const runs = [...states.values()].some(({ state }) => state === 'running');
  const { isSafe } = quorumBudget({
    rule: target.quorum,
    nodes: target.nodes.map(({ name, votingPower }) => ({
      name,
      power: votingPower,
      state: states.get(name)?.state === 'running' ? 'ok' : 'down',
    })),
    take: [],
  });
  if (runs && isSafe) return undefined;
  const isSame = nodes.every(
    (node) => target.nodes.find(({ name }) => name === node.name)?.generation === node.generation,
  );
  return {
    nodes,
    versions: Object.fromEntries(nodes.map(({ name, release }) => [name, release.version])),
    topology: isSame ? target : deployed,
  };
}

interface PreparedInputs {
  project: Project;
  topology: Topology;
  states: ReadonlyMap<string, NodeObservation>;
  before: Wanted;
  runbook: string;
  parameters: Record<string, string>;
  stages: readonly RunbookStage[];
  faults?: PlannedFaults;
  rules: RunbookRules & { hasLoad: boolean };
}

async function prepared(inputs: PreparedInputs, signal: AbortSignal | undefined): Promise<PreparedRun> {
  const { project, topology, states, before, stages, faults, runbook, parameters } = inputs;
  const { onFailure, hasLoad, checksLedger, isRepair, deadlineMs, restore, drill } = inputs.rules;
  let wanted = before;
  const targets = new Map<string, Topology>();
  for (const stage of stages) {
    if (stage.kind !== 'change') continue;
    wanted = changeWanted(wanted, stage.changes);
    targets.set(stage.id, await project.topology(wanted, signal));
  }
  const plan = makePlan({
    topology,
    runbook,
    parameters,
    stages,
    versions: before.versions,
    targets,
    faults,
    onFailure,
    hasLoad,
    checksLedger,
    isRepair,
    deadlineMs,
    restore,
    contract: contractOf(inputs),
    drill,
    drills: drillTargets(project.loaded.spec),
    states: new Map([...states].map(([node, { state }]) => [node, state])),
  });
  const all = [topology, ...targets.values()];
  const releases = all.flatMap(({ nodes }) => nodes.map(({ release }) => [release.version, release] as const));
  return { plan, topology, target: all.at(-1) ?? topology, before, releases: [...new Map(releases).values()] };
}

/** `up` may put an older release back, which has not all that the newer one had. */
function contractOf({ project, runbook, rules }: PreparedInputs): Plan['contract'] | undefined {
  const { contract } = project.loaded.spec;
  if (contract === 'off' || rules.isForward === false) return undefined;
  return runbook === 'up' ? 'warn' : contract;
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
