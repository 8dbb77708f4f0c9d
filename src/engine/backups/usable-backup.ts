import { refusedBackup, type BackupManifest } from '../../backup/backup-manifest.ts';
import type { ChosenBackup } from '../../backup/find-backups.ts';
import { RefusedError } from '../../core/errors.ts';
import type { PlanStep } from '../../journal/records.ts';
import type { RunContext } from '../run-context.ts';
import { backupsOf } from './take-backup.ts';

/**
 * The backup of this id, or the `newest`, from the step's targets, as its nodes may be given it: it is usable, and every byte of their data is
 * fetched and compared. No node is touched. Refuses with the reason. `allows` (default: whatever it is) may refuse before anything is fetched.
 */
export async function fetchUsable(
  context: RunContext,
  step: PlanStep,
  id: string,
  allows?: (manifest: BackupManifest) => Promise<void>,
): Promise<ChosenBackup> {
  const { signal } = context;
  const backups = backupsOf(context);
  const found = await backups.find(id, step.targets, {
    suits: (manifest) => lackOf(step, manifest) === undefined,
    signal,
  });
  await requireUsable(context, step, found.manifest);
  await allows?.(found.manifest);
  await backups.stage(found.manifest, found.target, step.nodes, signal);
  return found;
}

/** That a backup is of this testnet and system, holds these nodes in the releases that they run, and is not too old. */
async function requireUsable(context: RunContext, step: PlanStep, manifest: BackupManifest): Promise<void> {
  const { inputs, session } = context;
  const { testnet } = inputs.topology;
  const refused = (why: string): RefusedError => refusedBackup(manifest.id, why);
  if (manifest.testnet !== testnet) throw refused(`it is of testnet ${manifest.testnet}, not of ${testnet}`);
  const { name: system } = inputs.profile;
  if (manifest.system !== system) throw refused(`it is of system ${manifest.system}, not of ${system}`);
  const maxAgeMs = step.maxAgeMs ?? backupsOf(context).maxAgeMs;
  const ageMs = inputs.clock.wallMs() - Date.parse(manifest.createdAt);
  if (maxAgeMs !== undefined && ageMs > maxAgeMs) {
    throw refused(`it is too old: ${hours(ageMs)}, and at most ${hours(maxAgeMs)} are allowed`);
  }
  const lack = lackOf(step, manifest);
  if (lack !== undefined) throw refused(lack);
  for (const kept of manifest.nodes.filter(({ node }) => step.nodes.includes(node))) {
    const { node: name } = kept;
    const { version, digest } = session.deployed.nodes.find((node) => node.name === name)?.release ?? {};
    if (digest === kept.digest) continue;
    throw refused(
      `the data of ${name} was written by release ${kept.version} (${short(kept.digest)}), and ${name} is to run ${version ?? 'nothing'} (${short(digest ?? 'none')}). Bring it to that release first`,
    );
  }
}

/** What the step needs and the backup has not; undefined when it has all. */
function lackOf({ isWhole, nodes }: PlanStep, manifest: BackupManifest): string | undefined {
  const has = manifest.nodes.map(({ node }) => node);
  if (isWhole && !manifest.rebuild) return `it is not of the whole testnet; name its nodes: ${has.join(' ')}`;
  const missing = nodes.find((name) => !has.includes(name));
  return missing === undefined ? undefined : `it has no node ${missing}; it has: ${has.join(', ')}`;
}

/**
 * That no validator gets a memory that is older than the chain: it could then sign a second time, and otherwise, what it has signed
 * already. Where no node answers nobody can tell; what is gone completely has no such past.
 */
export async function requireNewSigners(context: RunContext, step: PlanStep, manifest: BackupManifest): Promise<void> {
  const { inputs, session } = context;
  const { profile } = inputs;
  if (profile.backup?.signerState === 'elsewhere') return;
  const answers = await Promise.allSettled([...session.clients.values()].map((client) => profile.probe(client)));
  const heights = answers.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value.height ?? []) : []));
  const signers = manifest.nodes.filter(({ node, votingPower }) => step.nodes.includes(node) && votingPower > 0);
  if (signers.length === 0) return;
  const warn = (text: string): Promise<void> => session.record({ type: 'note', level: 'warning', text });
  if (heights.length === 0) {
    await warn(
      `no node tells how far the chain is: if it went on after backup ${manifest.id} was taken, and somebody still has those blocks, its validators can sign those heights a second time (double signing)`,
    );
    return;
  }
  const highest = Math.max(...heights);
  const old = signers.filter(({ height }) => height === undefined || height < highest);
  if (old.length === 0) return;
  const names = old.map(({ node, height }) => `${node} (${height ?? 'unknown'})`).join(', ');
  const danger = `backup ${manifest.id} knows less than the chain, which is at height ${highest}: ${names}. A validator that forgets what it has signed since can sign those heights a second time, and otherwise; many chains punish such double signing, and two blocks at one height can follow from it`;
  if (step.acceptsDoubleSign) {
    await warn(danger);
    return;
  }
  throw new RefusedError(
    'unsafe',
    `${danger}. Let a wiped validator fetch the chain from the others instead, or restore all the same with --accept-double-sign-risk`,
  );
}

function hours(ms: number): string {
  return ms < 3_600_000 ? `${Math.round(ms / 1000)} s` : `${Number((ms / 3_600_000).toFixed(1))} h`;
}

function short(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12);
}
