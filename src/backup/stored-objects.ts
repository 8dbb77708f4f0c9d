import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { buffer } from 'node:stream/consumers';
import { sha256, sha256File } from '../core/canonical.ts';
import { abortedError } from '../core/clock.ts';
import { LabError, messageOf, SeatrialError } from '../core/errors.ts';
import { refusedBackup, type StoredObject } from './backup-manifest.ts';
import type { BackupTarget, ObjectSource } from './backup-target.ts';

/** There is no such object in a target. */
export class MissingObjectError extends LabError {
  constructor(target: string, path: string) {
    super(`${target} has no ${path}`, { details: { target, path } });
  }
}

/** A file as it lies on the disk. */
export async function fileSource(path: string): Promise<ObjectSource> {
  const { size } = await stat(path);
  return { sizeBytes: size, sha256: await sha256File(path), open: () => createReadStream(path) };
}

export function bytesSource(bytes: Uint8Array): ObjectSource {
  return {
    sizeBytes: bytes.length,
    sha256: sha256(bytes),
    open: async function* () {
      yield bytes;
    },
  };
}

/**
 * Puts an object below `base` and reads it back: what counts is what can be read again. One that is there already, whole, is left as it
 * is, so that a store which was cut off goes on where it was.
 */
export async function store(
  target: BackupTarget,
  base: string,
  path: string,
  source: ObjectSource,
  signal?: AbortSignal,
): Promise<StoredObject> {
  const object = { path, sizeBytes: source.sizeBytes, sha256: source.sha256 };
  if ((await problemOf(target, base, object, signal)) === undefined) return object;
  await target.put(`${base}/${path}`, source, signal);
  const problem = await problemOf(target, base, object, signal);
  if (problem === undefined) return object;
  await target.remove(`${base}/${path}`, signal);
  throw new LabError(`${path} did not arrive whole in ${target.name}: ${problem}`, {
    details: { target: target.name },
  });
}

/** What is wrong with an object as the target gives it back; undefined when nothing is. Rejects only when the target cannot be asked. */
export async function problemOf(
  target: BackupTarget,
  base: string,
  { path, sizeBytes, sha256: wanted }: StoredObject,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const hash = createHash('sha256');
  let seenBytes = 0;
  try {
    for await (const chunk of target.get(`${base}/${path}`, signal)) {
      hash.update(chunk);
      seenBytes += chunk.length;
    }
  } catch (error) {
    if (error instanceof MissingObjectError) return `${path} is missing`;
    throw error;
  }
  if (seenBytes !== sizeBytes) return `${path} has ${seenBytes} bytes, not ${sizeBytes}`;
  const found = hash.digest('hex');
  return found === wanted ? undefined : `${path} has SHA-256 ${found}, not ${wanted}`;
}

/** Brings an object of a backup into a file, which is there only when it is whole. Refuses one that is not what it should be. */
export async function fetchTo(
  target: BackupTarget,
  base: string,
  object: StoredObject,
  file: string,
  signal?: AbortSignal,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.part`;
  const checked = checking(target, base, object, signal);
  try {
    const output = createWriteStream(part, { mode: 0o600, flush: true });
    await pipeline(checked, output, signal ? { signal } : {});
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    if (signal?.aborted) throw abortedError(signal);
    if (error instanceof SeatrialError) throw error;
    const why = `${object.path} could not be fetched from ${target.name}: ${messageOf(error)}`;
    throw new LabError(why, { cause: error });
  }
}

/** A small object of a backup, checked. */
export async function fetchBytes(
  target: BackupTarget,
  base: string,
  object: StoredObject,
  signal?: AbortSignal,
): Promise<Buffer> {
  return buffer(checking(target, base, object, signal));
}

/** The bytes of an object; what is wrong with it is told at their end, or at its beginning when it is missing. */
async function* checking(
  target: BackupTarget,
  base: string,
  { path, sizeBytes, sha256: wanted }: StoredObject,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const id = base.split('/').at(-1) ?? base;
  const hash = createHash('sha256');
  let seenBytes = 0;
  try {
    for await (const chunk of target.get(`${base}/${path}`, signal)) {
      hash.update(chunk);
      seenBytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (error instanceof MissingObjectError) throw refusedBackup(id, `${path} is missing in ${target.name}`);
    throw error;
  }
  if (seenBytes !== sizeBytes) throw refusedBackup(id, `${path} has ${seenBytes} bytes, not ${sizeBytes}`);
  const found = hash.digest('hex');
  if (found !== wanted) throw refusedBackup(id, `${path} is damaged: SHA-256 ${found}, not ${wanted}`);
}
