import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { messageOf, LabError } from '../core/errors.ts';
import { isErrno, readJsonFile } from '../core/files.ts';
import type { SnapshotFile, SnapshotManifest } from './lab.ts';

export function archivePath(folder: string): string {
  return join(folder, 'data.tar.gz');
}

export function manifestPath(folder: string): string {
  return join(folder, 'manifest.json');
}

/** What a finished snapshot says of itself; undefined when the folder holds none. Rejects with a LabError when it cannot be understood. */
export async function readSnapshotManifest(folder: string): Promise<SnapshotManifest | undefined> {
  const path = manifestPath(folder);
  let found: unknown;
  try {
    found = await readJsonFile(path);
  } catch (cause) {
    // Where a file stands in the way there is no folder that could hold one.
    if (isErrno(cause, 'ENOTDIR')) return undefined;
    throw new LabError(`the snapshot in ${folder} is damaged: ${messageOf(cause)}`, { cause, details: { folder } });
  }
  if (found === undefined || isManifest(found)) return found;
  throw new LabError(`${path} is not a snapshot's manifest that this version understands`, { details: { folder } });
}

/** The size of the archive on the disk, or undefined when there is none. */
export async function archiveSize(folder: string): Promise<number | undefined> {
  try {
    return (await stat(archivePath(folder))).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * What keeps these entries from being put back into a folder, and only there: a path that leads out of it, or through something that is
 * no folder. Undefined when nothing does.
 */
export function problemOf(files: readonly SnapshotFile[]): string | undefined {
  const types = new Map<string, SnapshotFile['type']>();
  for (const { path, type, target } of files) {
    const shown = JSON.stringify(path);
    if (path === '.') {
      if (type !== 'directory' || types.size > 0) return 'the data folder itself is not its first folder';
    } else {
      const isInside = !path.startsWith('/') && path !== '..' && !path.startsWith('../');
      const isPlain = path !== '' && posix.normalize(path) === path && isInside;
      if (!isPlain) return `${shown} is not a path within the data folder`;
      if (types.get(posix.dirname(path)) !== 'directory') return `the folder of ${shown} is missing`;
    }
    if (types.has(path)) return `${shown} stands twice`;
    if (type === 'link' && types.get(target ?? '') !== 'file') return `${shown} is a link to no file of the snapshot`;
    types.set(path, type);
  }
  return types.size === 0 ? 'it holds nothing' : undefined;
}

/** A short mark of an entry, equal for equal entries. */
export function markOf({ path, type, mode, uid, gid, sizeBytes, sha256, target }: SnapshotFile): string {
  return createHash('sha256')
    .update(JSON.stringify([path, type, mode, uid, gid, sizeBytes ?? null, sha256 ?? null, target ?? null]))
    .digest('hex');
}

function isManifest(value: unknown): value is SnapshotManifest {
  if (typeof value !== 'object' || value === null) return false;
  const { formatVersion, testnet, system, node, version, digest, createdAt, archive, files } =
    value as Partial<SnapshotManifest>;
  return (
    formatVersion === 1 &&
    [testnet, system, node, version, digest, createdAt].every((text) => typeof text === 'string') &&
    typeof archive === 'object' &&
    typeof archive.sizeBytes === 'number' &&
    /^[0-9a-f]{64}$/.test(archive.sha256) &&
    Array.isArray(files) &&
    files.every(isFile)
  );
}

function isFile(value: unknown): value is SnapshotFile {
  if (typeof value !== 'object' || value === null) return false;
  const { path, type = '', mode, uid, gid } = value as Partial<SnapshotFile>;
  return (
    typeof path === 'string' &&
    ['file', 'directory', 'symlink', 'link'].includes(type) &&
    [mode, uid, gid].every((number) => Number.isSafeInteger(number))
  );
}
