import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { LabError, RefusedError } from '../../core/errors.ts';
import { isErrno, readJsonFile } from '../../core/files.ts';
import { processIdentity } from '../../core/process-identity.ts';
import { waitFor } from '../../core/wait.ts';
import type { PulumiDeployerOptions } from './options.ts';

/** How long the CLI of a command that was killed may take to end by itself: a node's grace time and some more. */
const ORPHAN_TIMEOUT_MS = 30_000;
/** Linux counts a process's start in hundredths of a second since boot. */
const TICKS_PER_SECOND = 100;

/** Who locked a stack. */
export interface LockOwner {
  pid: number;
  host: string;
  user: string;
  /** Wall time in ms. */
  sinceMs: number;
}

/** The owners that the engine names when it finds a stack locked. */
export function ownersIn(message: string): LockOwner[] {
  const pattern = /created by (\S+?)@(\S+) \(pid (\d+)\) at (\S+)/g;
  return [...message.matchAll(pattern)].map(([, user = '', host = '', pid = '', since = '']) => ({
    pid: Number(pid),
    host,
    user,
    sinceMs: Date.parse(since),
  }));
}

/** The owners of the locks in a folder of a file backend. */
export async function ownersOfLocks(folder: string): Promise<LockOwner[]> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  const locks = await Promise.all(
    files
      .filter((file) => file.endsWith('.json'))
      .map((file) =>
        readJsonFile<{ pid: number; username: string; hostname: string; timestamp: string }>(join(folder, file)),
      ),
  );
  return locks.flatMap((lock) =>
    lock ? [{ pid: lock.pid, host: lock.hostname, user: lock.username, sinceMs: Date.parse(lock.timestamp) }] : [],
  );
}

/**
 * Resolves when the owners' processes, all on this machine, are gone; the CLI of a killed command notices that and ends what it
 * was doing. Throws RefusedError('locked') when one lives on, or is on another machine.
 */
export async function requireGone(
  owners: readonly LockOwner[],
  { testnet, clock }: PulumiDeployerOptions,
  cause: unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const owner of owners) {
    if (owner.host !== hostname()) throw lockedError(testnet, owner, cause);
    try {
      await waitFor(async () => ((await isOwnerAlive(owner)) ? undefined : true), {
        clock,
        what: `the Pulumi process ${owner.pid} to end`,
        timeoutMs: ORPHAN_TIMEOUT_MS,
        signal,
      });
    } catch (error) {
      if (error instanceof LabError) throw lockedError(testnet, owner, cause);
      throw error;
    }
  }
}

/** Pids are reused: a process that started after the lock was written is another one. */
async function isOwnerAlive({ pid, sinceMs }: LockOwner): Promise<boolean> {
  const identity = await processIdentity(pid);
  if (!identity) return false;
  const bootSeconds = Number(/^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8'))?.[1]);
  const startMs = (bootSeconds + Number(identity.startTicks) / TICKS_PER_SECOND) * 1000;
  // Both times are rounded.
  const slackMs = 2_000;
  return !(startMs > sinceMs + slackMs);
}

export function lockedError(testnet: string, owner: LockOwner | undefined, cause: unknown): RefusedError {
  const who = owner ? `${owner.user}@${owner.host}, pid ${owner.pid}` : 'an unknown process';
  return new RefusedError(
    'locked',
    `the Pulumi stack ${testnet} is locked by ${who}; wait for it to end, or, if it is gone for good, run: pulumi cancel ${testnet}`,
    { cause, details: { testnet, owner } },
  );
}
