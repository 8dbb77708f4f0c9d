import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { messageOf, RefusedError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { manifestName, objectsOf, parseManifest, refusedBackup, type BackupManifest } from './backup-manifest.ts';
import type { BackupTarget } from './backup-target.ts';
import { MissingObjectError, problemOf } from './stored-objects.ts';

/** A backup as it was found in a target. */
export interface FoundBackup {
  id: string;
  target: BackupTarget;
  /** Absent where there is none, or it cannot be used. */
  manifest?: BackupManifest;
  /** Why it cannot be used: cut off before its end, damaged, another testnet's. */
  problem?: string;
  /** It has no manifest: it was cut off, or somebody is still at it. */
  isUnfinished?: boolean;
}

/** A backup that can be read, and the target that has it. */
export interface ChosenBackup {
  manifest: BackupManifest;
  target: BackupTarget;
}

export interface ChooseOptions {
  /** Whether a backup holds what is needed. Asked of the `newest` only. Default: all do. */
  suits?: ((manifest: BackupManifest) => boolean) | undefined;
  signal?: AbortSignal | undefined;
}

/** All that a target has of a testnet. */
export async function listBackups(target: BackupTarget, testnet: string, signal?: AbortSignal): Promise<FoundBackup[]> {
  const paths = await target.list(`${testnet}/`, signal);
  const ids = new Set(paths.flatMap((path) => path.split('/')[1] ?? []));
  const found: FoundBackup[] = [];
  for (const id of ids) {
    if (!paths.includes(`${testnet}/${id}/${manifestName}`)) {
      found.push({
        id,
        target,
        isUnfinished: true,
        problem: 'unfinished: it was cut off, and nothing can be restored from it',
      });
      continue;
    }
    try {
      found.push({ id, target, manifest: await findBackup(target, testnet, id, signal) });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      found.push({ id, target, problem: error.message });
    }
  }
  return found;
}

/** The manifest of a backup. Refuses one that is missing, damaged, or another testnet's. */
export async function findBackup(
  target: BackupTarget,
  testnet: string,
  id: string,
  signal?: AbortSignal,
): Promise<BackupManifest> {
  let found: string;
  try {
    found = await text(Readable.from(target.get(`${testnet}/${id}/${manifestName}`, signal)));
  } catch (error) {
    if (!(error instanceof MissingObjectError)) throw error;
    throw refusedBackup(id, `${target.name} has no ${manifestName} of it: there is none, or it was cut off`);
  }
  const manifest = parseManifest(found, id);
  if (manifest.testnet !== testnet) throw refusedBackup(id, `it is of testnet ${manifest.testnet}, not of ${testnet}`);
  if (manifest.id !== id) throw refusedBackup(id, `it calls itself ${manifest.id}`);
  return manifest;
}

/**
 * By its id, or the `newest`, in the first of the targets that has one. The newest is that of those which suit; where none does, that of all
 * which can be read, so that whoever uses it can say what it lacks.
 */
export async function chooseBackup(
  targets: readonly BackupTarget[],
  testnet: string,
  wanted: string,
  { suits = () => true, signal }: ChooseOptions = {},
): Promise<ChosenBackup> {
  const known: string[] = [];
  const problems: string[] = [];
  for (const target of targets) {
    const found = await listBackups(target, testnet, signal);
    known.push(...found.map(({ id }) => id));
    const newestFirst = found.sort((a, b) => (a.id < b.id ? 1 : -1));
    const chosen =
      wanted === 'newest'
        ? (newestFirst.find(({ manifest }) => manifest && suits(manifest)) ??
          newestFirst.find(({ manifest }) => manifest !== undefined))
        : newestFirst.find(({ id }) => id === wanted);
    if (chosen?.manifest) return { manifest: chosen.manifest, target };
    if (chosen) problems.push(chosen.problem ?? 'it cannot be used');
  }
  const [problem] = problems;
  if (problem !== undefined)
    throw problem.startsWith('backup ')
      ? new RefusedError('unsafe', problem, { details: { backup: wanted } })
      : refusedBackup(wanted, problem);
  const where = targets.map(({ name }) => name).join(' or ');
  const hint = wanted === 'newest' || known.length === 0 ? '' : didYouMean(wanted, new Set(['newest', ...known]));
  throw new RefusedError(
    'unsafe',
    `there is no ${wanted === 'newest' ? '' : 'such '}backup of ${testnet} in ${where}${hint}`,
  );
}

/** Reads every byte of a backup and compares it; what is wrong, or undefined. */
export async function verifyBackup(found: FoundBackup, signal?: AbortSignal): Promise<string | undefined> {
  const { manifest, target, problem, id } = found;
  if (!manifest) return problem;
  for (const object of objectsOf(manifest)) {
    try {
      const wrong = await problemOf(target, `${manifest.testnet}/${id}`, object, signal);
      if (wrong !== undefined) return wrong;
    } catch (error) {
      if (signal?.aborted) throw error;
      return messageOf(error);
    }
  }
  return undefined;
}

/** Removes a backup of ours: the manifest first, so that one that is cut off in the middle is none. */
export async function removeBackup(
  target: BackupTarget,
  testnet: string,
  id: string,
  signal?: AbortSignal,
): Promise<void> {
  const base = `${testnet}/${id}/`;
  await target.remove(`${base}${manifestName}`, signal);
  for (const path of await target.list(base, signal)) if (path.startsWith(base)) await target.remove(path, signal);
}
