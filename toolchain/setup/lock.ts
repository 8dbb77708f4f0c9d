import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { isErrno } from '../../src/core/files.ts';
import { waitFor } from '../../src/core/wait.ts';

const waitTimeoutMs = 20 * 60_000;
const pollMs = 100;

/** Runs `work` while holding a lock file; waits for another process that holds it, and takes over from one that is dead. */
export async function withLock<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const claim = `${path}.${randomUUID()}`;
  await writeFile(claim, JSON.stringify({ pid: process.pid, startedAt: await startTime(process.pid) }));
  try {
    const what = `the lock ${path}`;
    await waitFor(() => take(claim, path), {
      clock: systemClock,
      what,
      timeoutMs: waitTimeoutMs,
      intervalMs: pollMs,
      signal,
    });
  } finally {
    await rm(claim, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** A link appears with its content, so that no other process can see a lock without an owner. */
async function take(claim: string, path: string): Promise<'taken' | { cause: unknown } | undefined> {
  try {
    await link(claim, path);
    return 'taken';
  } catch (cause) {
    if (!isErrno(cause, 'EEXIST')) return { cause };
  }
  if (!(await hasLivingOwner(path))) await rm(path, { force: true });
  return undefined;
}

async function hasLivingOwner(path: string): Promise<boolean> {
  try {
    const owner = JSON.parse(await readFile(path, 'utf8')) as { pid: number; startedAt: string };
    return owner.startedAt === (await startTime(owner.pid));
  } catch (error) {
    return isErrno(error, 'ENOENT');
  }
}

/** Tells a process from a later one with the same pid. Empty where there is no such process. */
async function startTime(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return isAlive(pid) ? 'unknown' : '';
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}
