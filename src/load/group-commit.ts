import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

/** Lines appended to a file, several of them with one write and one fsync. */
export interface GroupCommit {
  /** Written soon; durable with the next `commit`. */
  add(line: string): void;
  /**
   * Resolves when everything added so far is on the disk. Calls that come while the disk is busy share the next fsync. Rejects when it
   * could not be written, and from then on always.
   */
  commit(): Promise<void>;
  /** Hash and size of all that is written. */
  readonly hash: Hash;
  readonly sizeBytes: number;
  /** Times that the disk was waited for. */
  readonly commits: number;
}

/** `written`: what the file holds already, with its hash. */
export function createGroupCommit(
  file: string,
  handle: FileHandle,
  written: { hash: Hash; sizeBytes: number },
): GroupCommit {
  const { hash } = written;
  let { sizeBytes } = written;
  let commits = 0;
  let queue: string[] = [];
  let last: Promise<void> = Promise.resolve();
  let next: { isSynced: boolean; done: Promise<void> } | undefined;
  let failure: Error | undefined;

  const write = async (isSynced: () => boolean): Promise<void> => {
    const text = queue.join('');
    queue = [];
    const syncs = isSynced();
    next = undefined;
    if (failure) throw failure;
    try {
      if (text !== '') await handle.appendFile(text);
      hash.update(text);
      sizeBytes += Buffer.byteLength(text);
      if (!syncs) return;
      commits++;
      await handle.datasync();
    } catch (error) {
      failure = new Error(`${file} could not be written`, { cause: error });
      throw failure;
    }
  };

  const soon = (isSynced: boolean): Promise<void> => {
    if (next) {
      next.isSynced ||= isSynced;
      return next.done;
    }
    const turn = { isSynced, done: Promise.resolve() };
    turn.done = last.then(() => write(() => turn.isSynced));
    last = turn.done.catch(() => undefined);
    next = turn;
    return turn.done;
  };

  return {
    add(line) {
      queue.push(line);
      // Told by the next commit.
      soon(false).catch(() => undefined);
    },
    commit: () => soon(true),
    hash,
    get sizeBytes() {
      return sizeBytes;
    },
    get commits() {
      return commits;
    },
  };
}
