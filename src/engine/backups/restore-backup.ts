import { heightOf, type BackedUpNode, type BackupManifest } from '../../backup/backup-manifest.ts';
import { LabError, RefusedError } from '../../core/errors.ts';
import type { PlanStep } from '../../journal/records.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import type { NodeChange, RollHooks } from '../deployer.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import { awaitLevel, requireOwnHeight } from './await-level.ts';
import { backupsOf, ownBackup } from './take-backup.ts';
import { fetchUsable, requireNewSigners } from './usable-backup.ts';

/**
 * Gives nodes the data of a backup back. Everything is looked at, fetched and compared first: what is wrong then is refused with nothing
 * touched. Done again after it was cut off, it passes over the nodes that have their data already.
 */
export async function restoreBackup(context: RunContext, step: PlanStep): Promise<void> {
  const manifest = await stagedBackup(context, step);
  if (step.isWhole) {
    await startTogether(context, step, manifest);
    await gateTogether(context, step, manifest);
  } else for (const name of step.nodes) await restoreOne(context, step, manifest, name);
  await backupsOf(context).dropStaged(manifest.id);
}

/**
 * The same for a run that ends early after it has taken all nodes' data, but that nobody waits for a gate. A run that goes on later finds the
 * nodes with their data, and gates and proves them then.
 */
export async function giveBackWhole(context: RunContext, step: PlanStep): Promise<void> {
  const manifest = await stagedBackup(context, step);
  await startTogether(context, step, manifest);
  await backupsOf(context).dropStaged(manifest.id);
}

/** The backup that the step names, all of it fetched and checked, once it is sure that it may be put back. */
async function stagedBackup(context: RunContext, step: PlanStep): Promise<BackupManifest> {
  const { session, inputs, signal } = context;
  const backups = backupsOf(context);
  const { state } = session;
  const wanted = step.backup === 'this-run' ? (ownBackup(context) ?? inputs.runId) : (step.backup ?? 'newest');
  const chosen = state.choices.get(`${step.id}/backup`) ?? wanted;
  let manifest: BackupManifest;
  try {
    const found = await fetchUsable(context, step, String(chosen), async (usable) => {
      if (hasBegun(context, step)) return;
      if (step.rebuild) await requireGone(context);
      await requireNewSigners(context, step, usable);
    });
    manifest = found.manifest;
    if (step.rebuild) await backups.rebuild(manifest, found.target, signal);
  } catch (error) {
    if (error instanceof RefusedError) {
      await session.record({ type: 'step.refused', step: step.id, reason: error.message });
    }
    throw error;
  }
  // Which one was the newest must not change while the run is resumed.
  await session.record({ type: 'choice', step: step.id, name: 'backup', value: manifest.id });
  return manifest;
}

/** Whether nodes may have the step's data already. */
export function hasBegun({ session }: RunContext, step: PlanStep): boolean {
  const { putBack, openEffects } = session.state;
  const isOfStep = (node: string): boolean => openEffects.get(`${node}/restore`)?.step === step.id;
  return step.nodes.some((node) => putBack.has(`${step.id}/${node}`) || isOfStep(node));
}

async function requireGone({ inputs, session, signal }: RunContext): Promise<void> {
  const seen = await Promise.all(session.deployed.nodes.map((node) => inputs.lab.observe(node, { signal })));
  const there = seen.filter(({ state }) => state !== 'absent').map(({ node }) => node);
  if (there.length === 0) return;
  throw new RefusedError(
    'unsafe',
    `${there.join(', ')} of ${inputs.topology.testnet} still exists: a rebuild is for what is gone. Restore without --rebuild, or remove the testnet with: seatrial down ${inputs.topology.testnet}`,
  );
}

/** A node beside others that go on: within the quorum budget, and behind its gate. */
async function restoreOne(context: RunContext, step: PlanStep, manifest: BackupManifest, name: string): Promise<void> {
  const { session, effects, signal } = context;
  const { state, gates } = session;
  const key = `${step.id}/${name}`;
  if (state.passed.has(name) && state.putBack.has(key)) return;
  if (!state.putBack.has(key)) {
    if (!state.stopped.has(name)) await gates.checkBudget(session.deployed, name, [], step.id, signal);
    gates.beginChange([name]);
    await putDataBack(context, step, manifest, name);
  }
  gates.leaveOut([name]);
  if (state.stopped.has(name)) await effects.start(step.id, name, signal);
  await noteRestored(context, [name]);
  const requires = (): Promise<void> => proveNodes(context, step, manifest, [name]);
  await gates.gate(step.id, [name], session.deployed, { actionAtMs: state.putBack.get(key), signal, requires });
}

/**
 * All nodes at once. They were copied one after the other, so that the first of them know less than the last: if enough of those started
 * by themselves they would make other blocks where the last one has some already. So the newest starts first, and each further one only
 * when those before it have come to the same height.
 */
async function startTogether(context: RunContext, step: PlanStep, manifest: BackupManifest): Promise<void> {
  const { session, signal } = context;
  const { gates, state } = session;
  gates.beginHalt();
  // What an earlier process of this run has started already is not to be started again.
  gates.leaveOut(step.nodes);
  gates.beginChange(step.nodes.filter((name) => !state.putBack.has(`${step.id}/${name}`)));
  const floor = heightOf(manifest);
  for (const name of step.nodes) {
    if (!state.putBack.has(`${step.id}/${name}`)) await putDataBack(context, step, manifest, name);
  }
  const names = newestFirst(manifest, step.nodes).map(({ node }) => node);
  const absent = await absentAmong(context, names);
  const started: string[] = [];
  const isStarted = async (name: string): Promise<void> => {
    await requireOwnHeight(context, name, manifest);
    started.push(name);
    if (floor !== undefined) await awaitLevel(context, started, floor);
  };
  for (const [index, name] of names.entries()) {
    if (started.includes(name)) continue;
    await session.requireLease(signal);
    if (absent.has(name)) {
      const next = names.findIndex((other, place) => place > index && !absent.has(other));
      await makeInOrder(context, step, names.slice(index, next < 0 ? undefined : next), isStarted);
      continue;
    }
    await startNode(context, step, name);
    await isStarted(name);
  }
  await noteRestored(context, started);
}

async function gateTogether(context: RunContext, step: PlanStep, manifest: BackupManifest): Promise<void> {
  const { session, signal } = context;
  const { gates, state } = session;
  await gates.awaitFirstScrapes(step.nodes, signal);
  // None was started before all of them had their data, whichever process of this run did it.
  const actionAtMs = Math.max(...step.nodes.map((name) => state.putBack.get(`${step.id}/${name}`) ?? 0));
  const requires = (): Promise<void> => proveNodes(context, step, manifest, step.nodes);
  await gates.gate(step.id, step.nodes, session.deployed, { actionAtMs, signal, requires });
}

/** Of a drill; what comes after it is the time until the service is good. */
async function noteRestored({ session: { drill } }: RunContext, names: readonly string[]): Promise<void> {
  if (drill?.state.has('verified')) await drill.reach('restored', `${names.join(', ')} started with their backup`);
}

function newestFirst({ nodes }: BackupManifest, names: readonly string[]): BackedUpNode[] {
  return nodes
    .filter(({ node }) => names.includes(node))
    .sort((a, b) => (b.height ?? -1) - (a.height ?? -1) || Date.parse(b.createdAt) - Date.parse(a.createdAt));
}

async function putDataBack(
  context: RunContext,
  step: PlanStep,
  { id, nodes }: BackupManifest,
  name: string,
): Promise<void> {
  const { effects, inputs, signal } = context;
  const { lab, profile, topology } = inputs;
  const folder = backupsOf(context).stagingFolder(id, name);
  const { archive } = nodes.find(({ node }) => node === name) as BackedUpNode;
  const { state: found } = await lab.observe(nodeNamed(context, name), { signal });
  if (found !== 'absent') await effects.stop(step.id, name, signal);
  const detail = { folder, backup: id, sha256: archive.sha256, ...(step.isWhole && { together: true }) };
  await effects.restore(step.id, name, detail, signal, async (node) => {
    await lab.restore(node, `${topology.stateDir}/${folder}`, { system: profile.name, sha256: archive.sha256, signal });
  });
}

async function absentAmong({ inputs, session, signal }: RunContext, names: readonly string[]): Promise<Set<string>> {
  const nodes = session.deployed.nodes.filter(({ name }) => names.includes(name));
  const found = await Promise.all(nodes.map((node) => inputs.lab.observe(node, { signal })));
  return new Set(found.filter(({ state }) => state === 'absent').map(({ node }) => node));
}

async function startNode(context: RunContext, step: PlanStep, name: string): Promise<void> {
  const { inputs, effects, signal } = context;
  const { state } = await inputs.lab.observe(nodeNamed(context, name), { signal });
  if (state !== 'running') await effects.start(step.id, name, signal);
}

/** Absent nodes, in one roll: beginning one takes some deployers seconds. */
async function makeInOrder(
  context: RunContext,
  step: PlanStep,
  order: readonly string[],
  isStarted: (name: string) => Promise<void>,
): Promise<void> {
  const { inputs, session, signal } = context;
  const stage = { topology: session.deployed, order, only: order, createsInOrder: true };
  await inputs.deployer.roll(stage, creationHooks(context, step, isStarted), signal);
}

/** Of nodes that are made anew: written down before and after, and gated with the others. */
function creationHooks(
  { session, inputs, signal }: RunContext,
  step: PlanStep,
  isStarted: (name: string) => Promise<void>,
): RollHooks {
  const node = (name: string): TopologyNode | undefined => session.deployed.nodes.find((one) => one.name === name);
  return {
    before: async (name: string, { kind }: NodeChange) => {
      await session.requireLease(signal);
      const { release, generation } = node(name) ?? {};
      const [toVersion, toDigest] = [release?.version ?? 'none', release?.digest ?? 'none'];
      await session.record({
        ...{ type: 'intent', step: step.id, action: kind, node: name },
        ...{ toVersion, toDigest, generation: generation ?? 'none' },
      });
      await session.standAt([name], session.deployed);
    },
    after: async () => undefined,
    afterCreated: async (names) => {
      for (const name of names) {
        const definition = node(name);
        const identity = definition && (await inputs.lab.observe(definition, { signal })).identity;
        await session.record({
          ...{ type: 'done', step: step.id, action: 'create', node: name },
          digest: identity?.digest ?? 'none',
          instance: identity?.instance ?? 'none',
          version: definition?.release.version ?? 'none',
          tookMs: Math.max(0, inputs.clock.wallMs() - (session.state.touchedAtMs.get(name) ?? 0)),
        });
        await isStarted(name);
      }
    },
    isProven: async () => true,
  };
}

/** What each node held at its height is there again, and nobody else holds something else there. */
async function proveNodes(
  context: RunContext,
  step: PlanStep,
  { nodes, id }: BackupManifest,
  names: readonly string[],
): Promise<void> {
  const { session, snapshots, inputs, signal } = context;
  for (const { node, height, hashes } of nodes.filter((one) => names.includes(one.node))) {
    if (height === undefined || Object.keys(hashes).length === 0) {
      const text = `the data of ${node} comes from backup ${id}, which cannot be proven: no hash was known when it was copied`;
      await session.record({ type: 'note', level: 'warning', text });
      continue;
    }
    await snapshots.proveAt(step.id, node, { height, hashes }, signal);
    for (const [other, client] of session.clients) {
      if (other === node) continue;
      // Who is away, or keeps no old blocks, says nothing against it.
      const block = await inputs.profile.blockAt?.(client, height).catch(() => undefined);
      if (!block || Object.keys(hashes).every((name) => block.hashes[name] === hashes[name])) continue;
      const what = `at height ${height} ${other} holds another block than ${node}, which was restored from backup ${id}`;
      throw new StepError([node], 'fail', `the restore is not proven: ${what}`);
    }
  }
}

function nodeNamed({ session, inputs }: RunContext, name: string): TopologyNode {
  const node = session.deployed.nodes.find((candidate) => candidate.name === name);
  if (node) return node;
  throw new LabError(`${name} is not in the topology of ${inputs.topology.testnet}`, { details: { node: name } });
}
