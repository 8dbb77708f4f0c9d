import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, lchown, link, lstat, mkdir, readdir, readlink, rm, rmdir, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { abortedError } from '../../core/clock.ts';
import { LabError, messageOf } from '../../core/errors.ts';
import { isErrno } from '../../core/files.ts';
import type { RestoreOptions, SnapshotFile, SnapshotManifest, SnapshotOptions } from '../lab.ts';
import { readArchive, writeSnapshot, type SnapshotAbout, type SnapshotEntry } from '../snapshot-archive.ts';
import { archivePath } from '../snapshot-manifest.ts';
import { verifySnapshot } from '../verify-snapshot.ts';

/** Makes a snapshot of all in `root` but what is at the paths `leftOut`, which are relative to it. */
export function copyFolder(
  root: string,
  leftOut: ReadonlySet<string>,
  folder: string,
  about: SnapshotAbout,
  options: SnapshotOptions,
): Promise<SnapshotManifest> {
  return writeSnapshot(folder, about, folderEntries(root, leftOut), options);
}

/** Puts a snapshot in the place of all in `root` but what is `kept`. It is verified before anything is touched. */
export async function putFolderBack(
  root: string,
  kept: ReadonlySet<string>,
  folder: string,
  of: { testnet: string; node: string },
  options: RestoreOptions,
): Promise<void> {
  const manifest = await verifySnapshot(folder, of, options);
  try {
    await clearFolder(root, kept);
    await unpackInto(root, folder, manifest, options.signal);
  } catch (cause) {
    if (options.signal?.aborted) throw abortedError(options.signal);
    throw new LabError(`the data of ${of.node} was put back in part only: ${messageOf(cause)}`, {
      details: { node: of.node, folder },
      cause,
    });
  }
}

/** Everything in a folder, itself first, in the order of the names; `leftOut` are paths relative to it. */
export async function* folderEntries(root: string, leftOut: ReadonlySet<string>): AsyncGenerator<SnapshotEntry> {
  /** First path of every file that has several. */
  const firstPaths = new Map<string, string>();
  const visit = async function* (path: string): AsyncGenerator<SnapshotEntry> {
    const absolute = join(root, path);
    const found = await lstat(absolute);
    const { uid, gid, mtime } = found;
    const base = { path, mode: found.mode & 0o7777, uid, gid, mtime };
    if (found.isDirectory()) {
      yield { ...base, type: 'directory' };
      for (const name of await namesIn(absolute)) {
        const inner = path === '.' ? name : `${path}/${name}`;
        if (!leftOut.has(inner)) yield* visit(inner);
      }
    } else if (found.isSymbolicLink()) {
      yield { ...base, type: 'symlink', target: await readlink(absolute) };
    } else if (found.isFile()) {
      const inode = `${found.dev}:${found.ino}`;
      const first = firstPaths.get(inode);
      if (first !== undefined) yield { ...base, type: 'link', target: first };
      else {
        if (found.nlink > 1) firstPaths.set(inode, path);
        yield { ...base, type: 'file', sizeBytes: found.size, content: contentOf(absolute) };
      }
    } else if (!found.isSocket() && !found.isFIFO()) {
      throw new LabError(`${absolute} is a device, which a snapshot cannot hold`);
    }
  };
  yield* visit('.');
}

/** What a folder takes on the disk; holes in files take nothing. */
export async function folderSizeBytes(root: string): Promise<number> {
  let sizeBytes = 0;
  const entries = await readdir(root, { withFileTypes: true, recursive: true }).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const { size, blocks } = await lstat(join(entry.parentPath, entry.name));
    sizeBytes += Math.min(size, blocks * 512);
  }
  return sizeBytes;
}

/** Removes everything in a folder but what is at these paths, relative to it. */
export async function clearFolder(root: string, kept: ReadonlySet<string>): Promise<void> {
  const isAbove = (path: string): boolean => [...kept].some((other) => other.startsWith(`${path}/`));
  const clear = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (kept.has(path)) continue;
      if (!entry.isDirectory()) await rm(join(root, path), { force: true });
      else if (!isAbove(path)) await rm(join(root, path), { recursive: true, force: true });
      else {
        await clear(path);
        await rmdir(join(root, path)).catch(() => undefined);
      }
    }
  };
  await mkdir(root, { recursive: true });
  await clear('');
}

/** Puts a snapshot that was verified into a folder that was cleared. */
export async function unpackInto(
  root: string,
  folder: string,
  { files }: SnapshotManifest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const folders: (SnapshotFile & { mtime: Date })[] = [];
  let index = 0;
  await readArchive(
    archivePath(folder),
    async (file, content) => {
      // Whoever writes to the archive after it was verified does not lead it elsewhere.
      const { path, type, target = '' } = file;
      if (files[index++]?.path !== path) throw new LabError(`data.tar.gz in ${folder} has changed while it was read`);
      const absolute = join(root, path);
      if (type === 'directory') {
        await mkdir(absolute, { recursive: true });
        folders.push(file);
      } else if (type === 'file') {
        await pipeline(content, createWriteStream(absolute, { flags: 'wx', mode: 0o600 }));
      } else if (type === 'symlink') await symlink(target, absolute);
      else await link(join(root, target), absolute);
      // What has no content is read to its end all the same: the archive goes on only then.
      if (type !== 'file') await count(content);
      if (type === 'file') await settle(absolute, file);
      if (type === 'symlink') await own(absolute, file);
    },
    { signal },
  );
  // Last, and the inner ones first: a folder that is not to be written to could not be filled.
  for (const file of folders.reverse()) await settle(join(root, file.path), file);
}

async function count(content: AsyncIterable<Uint8Array>): Promise<number> {
  let sizeBytes = 0;
  for await (const chunk of content) sizeBytes += chunk.length;
  return sizeBytes;
}

async function settle(absolute: string, file: SnapshotFile & { mtime: Date }): Promise<void> {
  await own(absolute, file);
  await chmod(absolute, file.mode);
  await utimes(absolute, file.mtime, file.mtime);
}

async function own(absolute: string, { uid, gid }: SnapshotFile): Promise<void> {
  const now = await lstat(absolute);
  if (now.uid !== uid || now.gid !== gid) await lchown(absolute, uid, gid);
}

/** Opened when it is read: what is never read must not stay open. */
async function* contentOf(absolute: string): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(absolute)) yield chunk as Buffer;
}

async function namesIn(folder: string): Promise<string[]> {
  const raw = await readdir(folder, { encoding: 'buffer' });
  return raw
    .map((bytes) => {
      const name = bytes.toString('utf8');
      if (Buffer.from(name, 'utf8').equals(bytes)) return name;
      throw new LabError(`${join(folder, name)} has a name that is not UTF-8, and a snapshot could not give it back`);
    })
    .sort();
}
