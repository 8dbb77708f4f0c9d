import { createHash } from 'node:crypto';
import { abortedError } from '../core/clock.ts';
import { LabError, messageOf } from '../core/errors.ts';
import type { RestoreOptions, SnapshotManifest } from './lab.ts';
import { readArchive } from './snapshot-archive.ts';
import { archivePath, archiveSize, markOf, problemOf, readSnapshotManifest } from './snapshot-manifest.ts';

/**
 * Reads the whole snapshot and compares it with its manifest, and that with whose it must be. Rejects with a LabError that says what is
 * wrong when it is unfinished, damaged or another one's; nothing is changed.
 */
export async function verifySnapshot(
  folder: string,
  whose: { testnet: string; node: string },
  { system, sha256, signal }: RestoreOptions,
): Promise<SnapshotManifest> {
  if (signal?.aborted) throw abortedError(signal);
  const refused = (why: string, cause?: unknown): LabError =>
    new LabError(`the snapshot in ${folder} is not put back on ${whose.node}: ${why}`, {
      details: { node: whose.node, folder },
      cause,
    });
  const manifest = await readSnapshotManifest(folder);
  if (!manifest) throw refused('it is unfinished: there is no manifest.json');
  for (const [what, wanted] of Object.entries({ ...whose, system })) {
    const found = manifest[what as 'testnet' | 'node' | 'system'];
    if (found !== wanted) throw refused(`it is of ${what} ${found}, not of ${wanted}`);
  }
  const { archive, files } = manifest;
  if (sha256 !== undefined && archive.sha256 !== sha256) {
    throw refused(`it is another one than was taken: SHA-256 ${archive.sha256}, not ${sha256}`);
  }
  const problem = problemOf(files);
  if (problem !== undefined) throw refused(problem);
  const sizeBytes = await archiveSize(folder);
  if (sizeBytes !== archive.sizeBytes) {
    throw refused(`data.tar.gz has ${sizeBytes ?? 'no'} bytes, not ${archive.sizeBytes}`);
  }
  const hash = createHash('sha256');
  let index = 0;
  try {
    await readArchive(
      archivePath(folder),
      async (found, content) => {
        const contentHash = createHash('sha256');
        for await (const chunk of content) contentHash.update(chunk);
        const file = found.type === 'file' ? { ...found, sha256: contentHash.digest('hex') } : found;
        const expected = files[index++];
        if (!expected || markOf(file) !== markOf(expected)) {
          throw new LabError(`${JSON.stringify(file.path)} is not what the manifest says`);
        }
      },
      { signal, onChunk: (chunk) => void hash.update(chunk) },
    );
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    throw refused(`it is damaged: ${messageOf(error)}`, error);
  }
  const found = hash.digest('hex');
  if (found !== archive.sha256) throw refused(`it is damaged: data.tar.gz has SHA-256 ${found}, not ${archive.sha256}`);
  if (index < files.length) throw refused(`${JSON.stringify(files[index]?.path)} is missing in data.tar.gz`);
  return manifest;
}
