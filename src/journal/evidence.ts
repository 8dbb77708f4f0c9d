import { readFileSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../core/canonical.ts';
import { LabError, messageOf } from '../core/errors.ts';
import { isErrno, writeFileAtomic } from '../core/files.ts';
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
    const bytes = await readFile(file).catch((cause: unknown) => unlessMissing(cause, file, hash));
    if (bytes) return contentOf(bytes, file, hash);
  }
  throw missing(runDir, hash);
}

/**
 * Many pieces, in the order of their hashes. A long gate has a thousand small ones: each is read without giving way to anything else,
 * which takes a fifth of the time, so that this is for commands that have nothing else to do yet.
 */
export function loadEvidenceList(runDir: string, hashes: readonly string[]): unknown[] {
  return hashes.map((hash) => {
    for (const ending of endings) {
      const file = join(evidenceFolder(runDir), hash + ending);
      let bytes: Buffer;
      try {
        bytes = readFileSync(file);
      } catch (cause) {
        unlessMissing(cause, file, hash);
        continue;
      }
      return contentOf(bytes, file, hash);
    }
    throw missing(runDir, hash);
  });
}

function contentOf(bytes: Buffer, file: string, hash: string): unknown {
  let content: Buffer;
  try {
    content = file.endsWith('.gz') ? openSealedGzip(bytes) : bytes;
  } catch (cause) {
    throw unreadable(cause, file, hash);
  }
  // The bytes, not their text: what is no valid text may read the same after it was edited.
  const actual = sha256(content);
  if (actual === hash) return JSON.parse(content.toString('utf8')) as unknown;
  throw new LabError(`${file}: evidence was changed: its content has hash ${actual}`, {
    details: { file, hash, state: 'damaged' },
  });
}

function unlessMissing(cause: unknown, file: string, hash: string): undefined {
  if (!isErrno(cause, 'ENOENT')) throw unreadable(cause, file, hash);
}

function unreadable(cause: unknown, file: string, hash: string): LabError {
  const details = { file, hash, state: 'damaged' };
  return new LabError(`${file}: evidence cannot be read: ${messageOf(cause)}`, { cause, details });
}

function missing(runDir: string, hash: string): LabError {
  return new LabError(`${evidenceFolder(runDir)}: evidence ${hash} is missing`, {
    details: { hash, state: 'missing' },
  });
}
