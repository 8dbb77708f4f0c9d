import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isRefusedBackup } from '../../backup/backup-manifest.ts';
import type { BackupTarget } from '../../backup/backup-target.ts';
import type { ChosenBackup } from '../../backup/find-backups.ts';
import { folderTarget } from '../../backup/folder-target.ts';
import { copyBackup, differencesOf, spoilings, type Spoiling } from '../../backup/spoil-copy.ts';
import { messageOf } from '../../core/errors.ts';
import { storeEvidence } from '../../journal/evidence.ts';
import type { PlanStep } from '../../journal/records.ts';
import { readSnapshotManifest } from '../../lab/snapshot-manifest.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { backupsOf, ownBackup } from '../backups/take-backup.ts';
import { fetchUsable } from '../backups/usable-backup.ts';
import { StepError, VoidError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';

/** Where the spoiled copies are, and what the node's data are compared with; relative to the state folder, and known to `forgetTestnet`. */
const place = 'spoiled';
/** Age from which a backup is refused here where the testnet file says none, in ms. */
const usualMaxAgeMs = 24 * 3_600_000;

/** What a restore would have said of a backup. */
type Look = { found: ChosenBackup; refusal?: never } | { found?: never; refusal: string };

interface Attempt {
  damage: Spoiling;
  /** How the copy differs from the backup. */
  difference: string;
  /** Absent: it would have been put back. */
  refusal?: string;
}

/**
 * Spoils copies of the backup that the run has taken last, and shows that a restore takes none of them, that it would take the backup itself, and
 * that the node's data stay as they are.
 */
export async function trySpoiledBackups(context: RunContext, step: PlanStep): Promise<void> {
  const { inputs, session, effects, signal } = context;
  const [name = ''] = step.nodes;
  const id = ownBackup(context) ?? inputs.runId;
  const limited = { ...step, maxAgeMs: await ageLimit(context) };
  const problems: string[] = [];
  const tried: Attempt[] = [];
  let isUntouched = true;
  let refusal: string | undefined;
  try {
    const whole = await lookAtWhole(context, limited, id);
    refusal = whole.refusal;
    if (whole.found) {
      const before = await stopAndCopy(context, step, id);
      for (const damage of spoilings) tried.push(await trySpoiled(context, limited, whole.found, damage));
      isUntouched = isDeepStrictEqual(before, await filesOf(context, name));
    }
  } finally {
    await dropSpoiled(context);
  }
  if (refusal !== undefined) problems.push(`${refusal}, though nobody has spoiled it`);
  const accepted = tried.filter((attempt) => attempt.refusal === undefined);
  problems.push(...accepted.map(({ damage }) => `a spoiled backup would be put back (${damage})`));
  if (!isUntouched) problems.push(`the data of ${name} is not what it was`);
  const reason =
    problems.length > 0
      ? problems.join('; ')
      : `${tried.length} spoiled copies of backup ${id} were refused, the backup itself and a whole copy of it were not, and the data of ${name} is as it was`;
  await session.record({
    type: 'finding',
    step: step.id,
    finding: 'restore',
    nodes: [name],
    verdict: problems.length > 0 ? 'fail' : 'pass',
    reason,
    evidence: await storeEvidence(session.runDir, { node: name, backup: id, refusal, tried, isUntouched }),
  });
  if (problems.length > 0) throw new StepError([name], 'fail', `${step.id}: ${reason}`);
  await effects.start(step.id, name, signal);
  await session.gates.gate(step.id, [name], session.deployed, { signal });
  await session.drill?.reach('restored', `${name} runs on its own data`);
}

/** Removes what the step keeps on this machine while it is done; nothing where there is none. */
export async function dropSpoiled({ inputs }: Pick<RunContext, 'inputs'>): Promise<void> {
  await rm(join(inputs.topology.stateDir, place), { recursive: true, force: true });
}

/** That of the testnet file; otherwise what `--max-age` would have to say. */
async function ageLimit(context: RunContext): Promise<number> {
  const { maxAgeMs } = backupsOf(context);
  if (maxAgeMs !== undefined) return maxAgeMs;
  const text = `the testnet file has no backups.maxAge, so that seatrial restore refuses an old backup only with --max-age; here it is as with --max-age ${usualMaxAgeMs / 3_600_000}h`;
  await context.session.record({ type: 'note', level: 'warning', text });
  return usualMaxAgeMs;
}

/** The backup where it is, then a copy as it is: what refuses everything would refuse spoiled copies as well, and show nothing. */
async function lookAtWhole(context: RunContext, step: PlanStep, id: string): Promise<Look> {
  const original = await look(context, step, id);
  if (!original.found) return { refusal: `the backup is refused: ${original.refusal}` };
  const { refusal } = await inCopy(context, step, original.found, undefined, (_copy, folder) =>
    look(context, { ...step, targets: [folder] }, id),
  );
  return refusal === undefined ? original : { refusal: `a copy of the backup is refused: ${refusal}` };
}

/** All that a restore does before it touches a node. Of the chain nothing is asked: that it went on says nothing about the backup. */
async function look(context: RunContext, step: PlanStep, id: string): Promise<Look> {
  const backups = backupsOf(context);
  // What an earlier look has fetched would pass for what this one finds.
  await backups.dropStaged(id);
  try {
    return { found: await fetchUsable(context, step, id) };
  } catch (error) {
    if (!isRefusedBackup(error, id)) throw error;
    return { refusal: messageOf(error) };
  } finally {
    await backups.dropStaged(id);
  }
}

/** The node's files. It stays stopped, so that nobody but a restore could change them. */
async function stopAndCopy(context: RunContext, step: PlanStep, backup: string): Promise<unknown> {
  const { inputs, session, snapshots, signal } = context;
  const { state, gates } = session;
  const [name = ''] = step.nodes;
  const folder = `${place}/before`;
  const copied = (): Promise<{ files: unknown } | undefined> =>
    readSnapshotManifest(join(inputs.topology.stateDir, folder));
  if (!state.stopped.has(name)) await gates.checkBudget(session.deployed, name, [], step.id, signal);
  gates.beginChange([name]);
  // A process of this run that was killed has copied them, and the node was stopped ever since.
  const isCopied = state.stopped.has(name) && state.backedUp.has(step.id) && (await copied()) !== undefined;
  if (!isCopied) await snapshots.copy(step.id, name, { folder, backup }, signal);
  return (await copied())?.files;
}

async function filesOf({ inputs, session, signal }: RunContext, name: string): Promise<unknown> {
  const { lab, profile, topology } = inputs;
  const node = session.deployed.nodes.find((candidate) => candidate.name === name) as TopologyNode;
  const folder = join(topology.stateDir, place, 'after');
  // A process of this run that was killed may have made one.
  await rm(folder, { recursive: true, force: true });
  const { files } = await lab.snapshot(node, folder, { system: profile.name, signal });
  return files;
}

/** Makes a copy of a backup, spoiled in one way or as it is, that is there as long as it is used. */
async function inCopy<T>(
  { inputs, signal }: RunContext,
  { nodes: [node = ''] }: PlanStep,
  { manifest, target }: ChosenBackup,
  how: Spoiling | undefined,
  use: (copy: BackupTarget, folder: string) => Promise<T>,
): Promise<T> {
  const folder = join(inputs.topology.stateDir, place, how ?? 'whole');
  const clear = (): Promise<void> => rm(folder, { recursive: true, force: true });
  // A process of this run that was killed may have made one.
  await clear();
  try {
    const copy = folderTarget(folder);
    await copyBackup({ manifest, from: target, to: copy, how, node }, signal);
    return await use(copy, folder);
  } finally {
    await clear();
  }
}

/** Spoils a copy in one way, shows that just this is wrong with it, and looks whether it would be put back. */
async function trySpoiled(
  context: RunContext,
  step: PlanStep,
  backup: ChosenBackup,
  damage: Spoiling,
): Promise<Attempt> {
  const { session, signal } = context;
  const { manifest } = backup;
  return inCopy(context, step, backup, damage, async (copy, folder) => {
    await session.drill?.reach('injected', `a copy of backup ${manifest.id}: ${damage}`);
    const differences = await differencesOf(copy, manifest, signal);
    const [difference] = differences;
    if (difference === undefined || differences.length > 1) {
      const what = difference === undefined ? 'it is the same as the backup' : differences.join('; ');
      throw new VoidError(`${step.id}: the copy of the backup could not be spoiled (${damage}): ${what}`);
    }
    await session.drill?.reach('verified', `a copy of backup ${manifest.id} differs from it: ${difference}`);
    const { refusal } = await look(context, { ...step, targets: [folder] }, manifest.id);
    if (refusal !== undefined) await session.drill?.reach('detected', refusal);
    return { damage, difference, ...(refusal !== undefined && { refusal }) };
  });
}
