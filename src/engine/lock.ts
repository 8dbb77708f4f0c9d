import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RefusedError } from '../core/errors.ts';
import { isErrno, writeFileAtomic } from '../core/files.ts';
import { isAlive, processIdentity, type ProcessIdentity } from '../core/process-identity.ts';

export interface LockOwner extends ProcessIdentity {
  /** What holds the lock, as in "run rolling-upgrade". */
  purpose: string;
  /** ISO 8601. */
  since: string;
}

export interface TestnetLock {
  /** The dead owner whose lock was taken over, if there was one. */
  tookOverFrom?: LockOwner;
  release(): Promise<void>;
}

/**
 * One change at a time per testnet on this machine. Throws RefusedError('locked') naming the owner while it lives; a lock
 * whose owner is provably gone is taken over.
 */
export async function acquireLock(stateDir: string, purpose: string, since: string): Promise<TestnetLock> {
  await mkdir(stateDir, { recursive: true });
  const file = join(stateDir, 'lock.json');
  const self = await processIdentity(process.pid);
  if (!self) throw new RefusedError('unsupported', 'this system has no /proc, which the lock needs to know its owner');
  const owner: LockOwner = { ...self, purpose, since };
  let tookOverFrom: LockOwner | undefined;
  for (;;) {
    if (await createExclusively(file, JSON.stringify(owner))) break;
    const holder = await readOwner(file);
    if (holder === undefined) continue;
    if (await isAlive(holder)) {
      throw new RefusedError(
        'locked',
        `another command is changing this testnet: ${holder.purpose} (pid ${holder.pid}, since ${holder.since}); wait for it or interrupt it`,
        { details: { holder } },
      );
    }
    if (await removeIfHeldBy(file, holder)) tookOverFrom = holder;
  }
  return {
    ...(tookOverFrom && { tookOverFrom }),
    release: async () => {
      const holder = await readOwner(file);
      if (holder?.pid === owner.pid && holder.startTicks === owner.startTicks) await rm(file, { force: true });
    },
  };
}

/** Creates the file with its content in one step, so that nobody ever reads it half written. */
async function createExclusively(file: string, content: string): Promise<boolean> {
  const temporary = `${file}.${randomUUID()}`;
  await writeFileAtomic(temporary, content);
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Removes a dead owner's lock; a lock that someone else took in the meantime is put back. */
async function removeIfHeldBy(file: string, holder: LockOwner): Promise<boolean> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  const moved = await readOwner(aside);
  const isStale = moved?.pid === holder.pid && moved.startTicks === holder.startTicks;
  if (!isStale) await link(aside, file);
  await rm(aside, { force: true });
  return isStale;
}

async function readOwner(file: string): Promise<LockOwner | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as LockOwner;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    // Its owner died between creating and writing it.
    return { pid: 0, startTicks: '', bootId: '', purpose: 'an unfinished command', since: 'unknown' };
  }
}
