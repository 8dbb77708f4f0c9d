import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../core/canonical.ts';
import { LabError, messageOf } from '../core/errors.ts';
import { isErrno, writeFileAtomic } from '../core/files.ts';
import { mapConcurrent } from '../core/wait.ts';
import { evidenceFolder } from './run-files.ts';
import { openSealedGzip, sealedGzip } from './sealed-gzip.ts';

/** Larger evidence is stored compressed; below it a file that opens in any browser is worth more than the bytes. */
const plainLimitBytes = 16 * 1024;

const endings = ['.json', '.json.gz'] as const;

/**
 * Stores a value beside the journal under the SHA-256 of its canonical JSON, durable on return, and returns that hash. To be called
 * before the record that refers to it is appended. Storing equal content again costs nothing. Throws a LabError when it cannot be written.
 */
export async function storeEvidence(runDir: string, value: unknown): Promise<string> {
  const text = canonicalJson(value);
  const hash = sha256(text);
  if (await evidenceFile(runDir, hash)) return hash;
  const isPlain = Buffer.byteLength(text) <= plainLimitBytes;
  const file = join(evidenceFolder(runDir), `${hash}${isPlain ? '.json' : '.json.gz'}`);
  try {
    await writeFileAtomic(file, isPlain ? text : await sealedGzip(text));
  } catch (cause) {
    throw new LabError(`${file}: evidence cannot be written: ${messageOf(cause)}`, { cause, details: { file } });
  }
  return hash;
}

/** The file that holds this evidence, relative to the run's folder, or undefined when there is none. Its content is not looked at. */
export async function evidenceFile(runDir: string, hash: string): Promise<string | undefined> {
  for (const ending of endings) {
    try {
      await access(join(evidenceFolder(runDir), hash + ending));
      return `evidence/${hash}${ending}`;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return undefined;
}

/** The stored value. Throws a LabError that names the file when it is missing, unreadable, or not what its name says. */
export async function loadEvidence(runDir: string, hash: string): Promise<unknown> {
  for (const ending of endings) {
    const file = join(evidenceFolder(runDir), hash + ending);
    const details = { file, hash, state: 'damaged' };
    let content: Buffer;
    try {
      const bytes = await readFile(file);
      content = ending === '.json' ? bytes : await openSealedGzip(bytes);
    } catch (cause) {
      if (isErrno(cause, 'ENOENT')) continue;
      throw new LabError(`${file}: evidence cannot be read: ${messageOf(cause)}`, { cause, details });
    }
    // The bytes, not their text: what is no valid text may read the same after it was edited.
    const actual = sha256(content);
    if (actual === hash) return JSON.parse(content.toString('utf8')) as unknown;
    throw new LabError(`${file}: evidence was changed: its content has hash ${actual}`, { details });
  }
  throw new LabError(`${evidenceFolder(runDir)}: evidence ${hash} is missing`, {
    details: { hash, state: 'missing' },
  });
}

/** Many pieces, in the order of their hashes; a few are read at a time, so that a thousand take no longer than they must. */
export function loadEvidenceList(runDir: string, hashes: readonly string[]): Promise<unknown[]> {
  return mapConcurrent(hashes, 16, (hash) => loadEvidence(runDir, hash));
}
