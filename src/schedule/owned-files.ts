import { readFile, rm } from 'node:fs/promises';
import { RefusedError } from '../core/errors.ts';
import { isErrno, writeFileAtomic } from '../core/files.ts';

/** `absent`, or whether the first line of a file carries this mark. */
export async function ownerOf(path: string, mark: string): Promise<'absent' | 'ours' | 'foreign'> {
  try {
    return (await readFile(path, 'utf8')).startsWith(`# ${mark}:`) ? 'ours' : 'foreign';
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'absent';
    throw error;
  }
}

/** Writes files that carry the mark, all or, when one of them is somebody else's, none. Throws RefusedError then. */
export async function writeOwned(files: readonly { path: string; content: string }[], mark: string): Promise<void> {
  for (const { path } of files) {
    if ((await ownerOf(path, mark)) !== 'foreign') continue;
    throw new RefusedError(
      'drift',
      `${path} is there and was not written for this schedule; move it away, or take another folder with --write`,
    );
  }
  for (const { path, content } of files) await writeFileAtomic(path, content);
}

/** Removes a file that carries the mark; what it was. */
export async function removeOwned(path: string, mark: string): Promise<'absent' | 'ours' | 'foreign'> {
  const owner = await ownerOf(path, mark);
  if (owner === 'ours') await rm(path);
  return owner;
}
