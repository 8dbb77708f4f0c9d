import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { LabError, messageOf, RefusedError } from '../core/errors.ts';
import { isErrno, removeTornFiles, writeFileAtomic } from '../core/files.ts';
import { isAlive, processIdentity, type ProcessIdentity } from '../core/process-identity.ts';
import { waitFor } from '../core/wait.ts';

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
 * whose owner is provably gone is taken over. The kernel decides between takers: the lock is the name of a socket, which ends
 * with its process. The file beside it says who the owner is, and tells owners in another network namespace apart.
 */
export async function acquireLock(stateDir: string, purpose: string, since: string): Promise<TestnetLock> {
  await mkdir(stateDir, { recursive: true });
  const file = join(stateDir, 'lock.json');
  const self = await processIdentity(process.pid);
  if (!self) throw new RefusedError('unsupported', 'this system has no /proc, which the lock needs to know its owner');
  const socket = await claim(await realpath(stateDir));
  const holder = await readOwner(file);
  const isHeld = holder !== undefined && (await isAlive(holder));
  // Without a living owner in the file, the one with the socket has not written its name yet.
  if (!socket) throw locked(isHeld ? holder : undefined);
  try {
    if (isHeld) throw locked(holder);
    const owner: LockOwner = { ...self, purpose, since };
    await removeTorn(stateDir);
    await writeFileAtomic(file, JSON.stringify(owner));
  } catch (error) {
    await close(socket);
    throw error;
  }
  return {
    ...(holder && { tookOverFrom: holder }),
    release: async () => {
      if (!socket.listening) return;
      try {
        await rm(file, { force: true });
      } finally {
        await close(socket);
      }
    },
  };
}

/** Whoever holds the testnet's lock now; undefined when nobody does. */
export async function lockHolder(stateDir: string): Promise<LockOwner | undefined> {
  const holder = await readOwner(join(stateDir, 'lock.json'));
  return holder !== undefined && (await isAlive(holder)) ? holder : undefined;
}

/**
 * Does `work` while no other process on this machine does something of this name; waits for its turn at most 30 s. For what is
 * over in a moment.
 */
export async function inTurn<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const what = `another command to end its ${name}`;
  const socket = await waitFor(() => claim(name), {
    clock: systemClock,
    what,
    timeoutMs: 30_000,
    intervalMs: 20,
    signal,
  });
  try {
    return await work();
  } finally {
    await close(socket);
  }
}

/** What commands that were killed while they wrote have left in the testnet's folder and in those of its nodes. */
async function removeTorn(stateDir: string): Promise<void> {
  const nodes = join(stateDir, 'nodes');
  const names = await readdir(nodes).catch((): string[] => []);
  for (const folder of [stateDir, ...names.map((name) => join(nodes, name))]) await removeTornFiles(folder);
}

function locked(holder: LockOwner | undefined): RefusedError {
  const who = holder
    ? `: ${holder.purpose} (pid ${holder.pid}, since ${holder.since}); wait for it or interrupt it`
    : ', which began just now; wait for it';
  return new RefusedError('locked', `another command is changing this testnet${who}`, { details: { holder } });
}

/** Takes a name among the kernel's abstract sockets; undefined when a living process has it. */
function claim(what: string): Promise<Server | undefined> {
  const name = `\0seatrial-lock-${createHash('sha256').update(what).digest('hex')}`;
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (cause) => {
      if (isErrno(cause, 'EADDRINUSE')) resolve(undefined);
      else reject(new LabError(`${what} cannot be locked: ${messageOf(cause)}`, { cause }));
    });
    server.listen(name, () => resolve(server.unref()));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Undefined when there is none; a file that cannot be understood is of nobody who lives. */
async function readOwner(file: string): Promise<LockOwner | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as LockOwner;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    return { pid: 0, startTicks: '', bootId: '', purpose: 'an unfinished command', since: 'unknown' };
  }
}
