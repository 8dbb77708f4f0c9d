import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256, sha256File } from '../core/canonical.ts';
import { RefusedError } from '../core/errors.ts';
import { isErrno, writeFileAtomic } from '../core/files.ts';
import { secretsFolder } from '../topology/secrets.ts';
import { refusedBackup, type BackupManifest } from './backup-manifest.ts';
import type { BackupTarget } from './backup-target.ts';
import { openSealed } from './seal-secrets.ts';
import { fetchBytes, fetchTo } from './stored-objects.ts';

interface PlaceOptions {
  target: BackupTarget;
  base: string;
  manifest: BackupManifest;
  root: string;
  stateDir: string;
  specFile: string;
  identities(): Promise<string[]>;
}

/**
 * Puts back what a testnet is built from: its file, the programs of its releases, its keys, what its nodes are to run, and last its
 * ports and addresses. All of it is fetched, checked and decrypted before any of it is put in its place, and what was fetched is removed
 * when that fails; a file that is there and says something else is never written over.
 */
export async function placeRebuild(options: PlaceOptions, signal?: AbortSignal): Promise<void> {
  const { target, base, manifest, stateDir, specFile } = options;
  const { rebuild } = manifest;
  if (!rebuild)
    throw refusedBackup(manifest.id, 'it is of single nodes; only a backup of the whole testnet can rebuild it');
  const fetched = (object: typeof rebuild.spec): Promise<Buffer> => fetchBytes(target, base, object, signal);
  const spec = await fetched(rebuild.spec);
  const allocation = await fetched(rebuild.allocation);
  const desired = await fetched(rebuild.desired);
  const sealed = rebuild.secrets && (await fetched(rebuild.secrets));
  const secrets = sealed ? await openSealed(sealed, await options.identities()) : [];
  const files: { path: string; content: Buffer; mode?: number }[] = [
    { path: specFile, content: spec },
    ...secrets.map(({ path, content }) => ({ path: join(secretsFolder(stateDir, '.'), path), content, mode: 0o600 })),
    { path: join(stateDir, 'allocation.json'), content: allocation },
  ];
  for (const { path, content } of files) await requireSame(path, content, manifest.id);

  await placePrograms(options, rebuild.releases, signal);
  for (const { path, content, mode = 0o644 } of files) {
    if (mode === 0o600) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (!(await readIfThere(path))) await writeFileAtomic(path, content, { mode });
  }
  const desiredFile = join(stateDir, 'desired.json');
  if (!(await readIfThere(desiredFile)) && desired.toString('utf8').trim() !== '{}')
    await writeFileAtomic(desiredFile, desired);
  await writeReleases(stateDir, manifest);
}

/** Into the store of releases; none of them when one cannot be had. */
async function placePrograms(
  { target, base, root }: PlaceOptions,
  releases: NonNullable<BackupManifest['rebuild']>['releases'],
  signal: AbortSignal | undefined,
): Promise<void> {
  const store = join(root, '.seatrial', 'releases');
  /** By where it belongs: two versions may be one program. */
  const fetched = new Map<string, string>();
  try {
    for (const { digest, program } of releases) {
      if (!program) continue;
      const file = join(store, `${digest.replace('sha256:', '')}.mjs`);
      if (fetched.has(file) || (await sha256File(file).catch(() => undefined)) === program.sha256) continue;
      const fresh = join(store, `.${basename(file)}.fetched`);
      await fetchTo(target, base, program, fresh, signal);
      fetched.set(file, fresh);
    }
    for (const [file, fresh] of fetched) await rename(fresh, file);
  } finally {
    for (const fresh of fetched.values()) await rm(fresh, { force: true });
  }
}

/** What tells the version of a running node by its digest. */
async function writeReleases(stateDir: string, { rebuild }: BackupManifest): Promise<void> {
  const file = join(stateDir, 'releases.json');
  if ((await stat(file).catch(() => undefined)) || !rebuild) return;
  const known = Object.fromEntries(rebuild.releases.map(({ digest, version }) => [digest, [version]]));
  await writeFileAtomic(file, `${JSON.stringify(known, undefined, 2)}\n`);
}

async function requireSame(path: string, content: Buffer, id: string): Promise<void> {
  const found = await readIfThere(path);
  if (!found || sha256(found) === sha256(content)) return;
  throw new RefusedError(
    'unsafe',
    `${path} is there, and is not what backup ${id} holds. Nothing was touched: move it away to rebuild from the backup, or restore without --rebuild`,
  );
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
