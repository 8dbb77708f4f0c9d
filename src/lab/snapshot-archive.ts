import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants as zlib, createGunzip, createGzip } from 'node:zlib';
import tar, { type Header } from 'tar-stream';
import { abortedError } from '../core/clock.ts';
import { LabError, messageOf } from '../core/errors.ts';
import { syncFolder, writeFileAtomic } from '../core/files.ts';
import type { TopologyNode } from '../topology/topology.ts';
import type { SnapshotFile, SnapshotManifest, SnapshotOptions } from './lab.ts';
import { archivePath, manifestPath, readSnapshotManifest } from './snapshot-manifest.ts';

/** Larger numbers do not fit a plain tar header, and are written beside it. */
const LARGEST_PLAIN_ID = 0o777777;

/** An entry on its way into a snapshot. A folder comes before what is in it, a file before its links. */
export interface SnapshotEntry extends SnapshotFile {
  mtime: Date;
  /** Extended attributes, as a tar archive names them. */
  pax?: Record<string, string>;
  /** Of a file; exactly `sizeBytes` of it. */
  content?: AsyncIterable<Uint8Array>;
}

export interface SnapshotAbout {
  testnet: string;
  node: TopologyNode;
  /** ISO 8601. */
  createdAt: string;
}

/** Writes a snapshot while its entries are read; see `Lab.snapshot`. What it began is removed when it fails. */
export async function writeSnapshot(
  folder: string,
  { testnet, node, createdAt }: SnapshotAbout,
  entries: AsyncIterable<SnapshotEntry>,
  { system, height, signal }: SnapshotOptions,
): Promise<SnapshotManifest> {
  if (signal?.aborted) throw abortedError(signal);
  if (await readSnapshotManifest(folder)) {
    throw new LabError(`${folder} holds a snapshot already`, { details: { node: node.name, folder } });
  }
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    await removeParts(folder);
    const { files, archive } = await writeArchive(archivePath(folder), entries, signal);
    const manifest: SnapshotManifest = {
      formatVersion: 1,
      testnet,
      system,
      node: node.name,
      version: node.release.version,
      digest: node.release.digest,
      ...(height !== undefined && { height }),
      createdAt,
      archive,
      files,
    };
    await syncFolder(folder);
    await writeFileAtomic(manifestPath(folder), `${JSON.stringify(manifest, undefined, 1)}\n`, { mode: 0o600 });
    return manifest;
  } catch (error) {
    await removeParts(folder).then(
      () => rmdir(folder).catch(() => undefined),
      () => undefined,
    );
    if (signal?.aborted) throw abortedError(signal);
    if (error instanceof LabError) throw error;
    throw new LabError(`the snapshot of ${node.name} could not be written to ${folder}: ${messageOf(error)}`, {
      cause: error,
      details: { node: node.name, folder },
    });
  }
}

/** Reads the archive's entries in order. `onChunk` is given the bytes as they lie on the disk; each entry's content must be consumed. */
export async function readArchive(
  path: string,
  visit: (file: SnapshotFile & { mtime: Date }, content: AsyncIterable<Uint8Array>) => Promise<void>,
  { signal, onChunk }: { signal?: AbortSignal | undefined; onChunk?: (chunk: Uint8Array) => void } = {},
): Promise<void> {
  const extract = tar.extract();
  const observed = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      onChunk?.(chunk);
      yield chunk;
    }
  };
  const reading = pipeline(createReadStream(path), observed, createGunzip(), extract, signal ? { signal } : {});
  // A failure reaches the loop through `extract`.
  reading.catch(() => undefined);
  for await (const entry of extract) await visit(fileOf(entry.header), entry as AsyncIterable<Uint8Array>);
  await reading;
}

/** What a tar header tells of an entry; the archive's own folder is `.`. */
export function fileOf(header: Header): SnapshotFile & { mtime: Date } {
  const { name, type, mode, uid, gid, size, linkname, mtime } = header;
  const pax = paxOf(header);
  const base = {
    path: name.replace(/\/+$/, ''),
    mode: mode & 0o7777,
    uid: Number(pax['uid'] ?? uid),
    gid: Number(pax['gid'] ?? gid),
    mtime,
  };
  switch (type) {
    case 'file':
    case 'contiguous-file':
      return { ...base, type: 'file', sizeBytes: size };
    case 'directory':
      return { ...base, type };
    case 'symlink':
    case 'link':
      return { ...base, type, target: linkname };
    default:
      throw new LabError(`${name} is a ${type}, which a snapshot cannot hold`);
  }
}

/** What a header holds beside its plain fields, by the names of the tar format. */
export function paxOf({ pax }: Header): Record<string, string> {
  return typeof pax === 'object' && pax !== null ? (pax as Record<string, string>) : {};
}

async function writeArchive(
  path: string,
  entries: AsyncIterable<SnapshotEntry>,
  signal: AbortSignal | undefined,
): Promise<Pick<SnapshotManifest, 'files' | 'archive'>> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const hashed = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      yield chunk;
    }
  };
  const pack = tar.pack();
  const output = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
  // Data is copied on the way of an upgrade: the time that it takes is the node's downtime.
  const gzip = createGzip({ level: zlib.Z_BEST_SPEED });
  const writing = pipeline(pack, gzip, hashed, output, signal ? { signal } : {});
  const files: SnapshotFile[] = [];
  const fill = async (): Promise<void> => {
    for await (const entry of entries) files.push(await addEntry(pack, entry));
    pack.finalize();
  };
  const filling = fill().catch((error: unknown) => {
    pack.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  });
  const [filled, written] = await Promise.allSettled([filling, writing]);
  // A disk that takes no more ends the filling as well; the disk is the cause then.
  if (written.status === 'rejected' && isSystemError(written.reason)) throw written.reason;
  if (filled.status === 'rejected') throw filled.reason;
  if (written.status === 'rejected') throw written.reason;
  return { files, archive: { sizeBytes, sha256: hash.digest('hex') } };
}

async function addEntry(pack: tar.Pack, entry: SnapshotEntry): Promise<SnapshotFile> {
  const { mtime, pax, content, ...file } = entry;
  const { path, type, mode, uid, gid, sizeBytes, target } = file;
  if (path.includes('\uFFFD') || target?.includes('\uFFFD')) {
    throw new LabError(`the name ${JSON.stringify(path)} is not UTF-8, and a snapshot could not give it back`);
  }
  const large = {
    ...pax,
    ...(uid > LARGEST_PLAIN_ID && { uid: String(uid) }),
    ...(gid > LARGEST_PLAIN_ID && { gid: String(gid) }),
  };
  const header: Partial<Header> & Pick<Header, 'name'> = {
    name: type === 'directory' ? `${path}/` : path,
    type,
    // The bit beyond the permissions, which is not written, keeps the mode 0 from being taken for none.
    mode: mode | 0o100000,
    uid,
    gid,
    mtime,
    ...(sizeBytes !== undefined && { size: sizeBytes }),
    ...(target !== undefined && { linkname: target }),
    ...(Object.keys(large).length > 0 && { pax: large }),
  };
  if (type !== 'file') {
    await new Promise<void>((resolve, reject) => {
      pack.entry(header, (error) => (error ? reject(error) : resolve()));
    });
    return file;
  }
  const hash = createHash('sha256');
  const sink = pack.entry(header);
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of content ?? []) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(hashed, sink);
  return { ...file, sha256: hash.digest('hex') };
}

/** Whatever an unfinished snapshot left; nothing else in the folder is touched. */
async function removeParts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const isPart = join(folder, name) === archivePath(folder) || name.startsWith('.manifest.json.');
    if (isPart) await rm(join(folder, name), { force: true });
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
