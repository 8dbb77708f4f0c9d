import { RefusedError, UsageError } from '../core/errors.ts';
import { listRuns } from '../journal/list-runs.ts';
import { readJournal } from '../journal/read-journal.ts';
import type { Plan } from '../journal/records.ts';
import { runFolder } from '../journal/run-files.ts';
import type { Lab, NodeObservation } from '../lab/lab.ts';
import { didYouMean } from '../core/nearest.ts';
import type { SystemProfile } from '../spec/profile.ts';
import { changeWanted, type Wanted } from '../topology/desired.ts';
import type { ResolvedRelease, Topology } from '../topology/topology.ts';
import { readKnownReleases, versionOfDigest } from './known-releases.ts';
import { completeParameters } from './load-runbook.ts';
import { hasPassed } from './passed.ts';
import { makePlan } from './plan.ts';
import type { Project } from './project.ts';
import type { PastChange, Runbook, RunbookRules, RunbookStage } from './runbook.ts';

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
  const parameters = completeParameters(runbook, given);
  const wanted = await project.topology(project.desired, signal);
  const { states, versions } = await look(project, lab, wanted);
  const topology = await project.topology(
    { ...project.desired, versions: await startingVersions(project, states, versions) },
    signal,
  );
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
    releases: Object.keys(project.loaded.spec.releases),
    toggles: Object.fromEntries(Object.entries(project.profile.toggles ?? {}).map(([name, { flag }]) => [name, flag])),
    gate: topology.gate,
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
  const { hasLoad = true, ...rules } = expanded;
  return prepared(
    {
      project,
      topology,
      states,
      before: { ...project.desired, versions },
      runbook: runbook.name,
      parameters,
      stages:
        'stages' in expanded ? expanded.stages : [{ kind: 'change', id: runbook.name, changes: expanded.changes }],
      rules: { ...rules, hasLoad: hasLoad && project.profile.submit !== undefined && topology.loadPerSecond > 0 },
    },
    signal,
  );
}

/** What `seatrial up` is to do: whatever differs from the testnet file. Nothing is rolled back when it fails. */
export async function prepareUp(
  project: Project,
  lab: (topology: Topology) => Promise<Lab>,
  signal?: AbortSignal,
): Promise<PreparedRun> {
  const target = await project.topology(project.desired, signal);
  const { states, versions } = await look(project, await lab(target), target);
  const isOff = (node: Topology['nodes'][number]): boolean => {
    const found = states.get(node.name);
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
      topology: target,
      states,
      before: { ...project.desired, versions },
      runbook: 'up',
      parameters: {},
      stages: [{ kind: 'change', id: 'up', changes }],
      rules: { onFailure: 'hold', hasLoad: false, isRepair: true },
    },
    signal,
  );
}

interface PreparedInputs {
  project: Project;
  topology: Topology;
  states: ReadonlyMap<string, NodeObservation>;
  before: Wanted;
  runbook: string;
  parameters: Record<string, string>;
  stages: readonly RunbookStage[];
  rules: RunbookRules & { hasLoad: boolean };
}

async function prepared(inputs: PreparedInputs, signal: AbortSignal | undefined): Promise<PreparedRun> {
  const { project, topology, states, before, stages, runbook, parameters } = inputs;
  const { onFailure, hasLoad, checksLedger, isRepair, deadlineMs, restore } = inputs.rules;
  requireUsable(stages, topology, project.profile);
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
    onFailure,
    hasLoad,
    checksLedger,
    isRepair,
    deadlineMs,
    restore,
    contract: contractOf(inputs),
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

/** A plan that names what is not there would end half-way. */
function requireUsable(stages: readonly RunbookStage[], topology: Topology, profile: SystemProfile): void {
  const names = topology.nodes.map(({ name }) => name);
  const toggles = Object.keys(profile.toggles ?? {});
  const ids = new Set<string>();
  for (const stage of stages) {
    if (ids.has(stage.id)) throw new UsageError(`the plan has two stages with the id ${stage.id}`);
    ids.add(stage.id);
    for (const node of nodesOf(stage)) {
      if (!names.includes(node)) throw new UsageError(`there is no node ${node}${didYouMean(node, names)}`);
    }
    if (stage.kind === 'slo' && !(profile.submit && topology.loadPerSecond > 0)) {
      const why = profile.submit ? 'the testnet file sets no load' : `${profile.title} takes no transactions`;
      throw new RefusedError(
        'unsupported',
        `the step ${stage.id} watches the share of traffic that is acknowledged: ${why}`,
      );
    }
    if (!('toggle' in stage) || toggles.includes(stage.toggle)) continue;
    const hint = toggles.length === 0 ? '' : didYouMean(stage.toggle, toggles);
    throw new RefusedError(
      'unsupported',
      `${profile.title} has no feature ${stage.toggle} that can be switched${hint}`,
    );
  }
}

function nodesOf(stage: RunbookStage): string[] {
  if (stage.kind === 'change') return stage.changes.map(({ node }) => node);
  return [
    ...('node' in stage ? [stage.node] : []),
    ...('nodes' in stage ? stage.nodes : []),
    ...('control' in stage ? stage.control : []),
  ];
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
    const flagsSet: PastChange['flagsSet'] = {};
    for (const record of records) {
      if (record.type === 'intent') after[record.node] = record.toVersion;
      if (record.type === 'intent' && record.flags)
        flagsSet[record.node] = { ...flagsSet[record.node], ...record.flags };
      if (record.type === 'done') after[record.node] = record.version;
    }
    const before = started.before.filter(({ node, state }) => node in after && state !== 'absent');
    past.push({
      runId: run.id,
      runbook: started.runbook,
      outcome: run.outcome,
      before: Object.fromEntries(before.map(({ node, version }) => [node, version])),
      after,
      flagsBefore: Object.fromEntries(before.map(({ node, flags = {} }) => [node, flags])),
      flagsSet,
      isFinal: records.some(({ type }) => type === 'finalised'),
    });
  }
  return past;
}
