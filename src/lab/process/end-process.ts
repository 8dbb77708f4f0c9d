import { abortedError, type Clock } from '../../core/clock.ts';
import { LabError, messageOf } from '../../core/errors.ts';
import { isErrno } from '../../core/files.ts';
import { waitFor } from '../../core/wait.ts';
import type { CallOptions } from '../lab.ts';
import { isAlive, isPaused, readStat, type ProcessStat } from './proc.ts';

const FIRST_POLL_MS = 5;
const LONGEST_POLL_MS = 50;
/** SIGKILL needs no consent; a process that outlives it by this long hangs in the kernel. */
const KILL_LIMIT_MS = 5000;

interface EndOptions {
  clock: Clock;
  node: string;
  stop: { signal: NodeJS.Signals; graceMs: number };
  /** False when somebody in this command already sent the stop signal: a second one makes some programs drop everything. */
  shouldAsk: boolean;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

/** Asks the process to stop, insists with SIGKILL after the grace time; returns when it is gone. */
export async function endProcess(target: ProcessStat, options: EndOptions): Promise<void> {
  const { clock, node, stop } = options;
  if (options.shouldAsk) {
    sendSignal(target, stop.signal, node);
    // A paused process sees the stop signal only when it goes on.
    if (isPaused(target)) sendSignal(target, 'SIGCONT', node);
  }
  const startMs = clock.monotonicMs();
  const deadlineMs = startMs + (options.timeoutMs ?? Infinity);
  const killAtMs = startMs + stop.graceMs;
  if (await waitUntilGone(target, Math.min(killAtMs, deadlineMs), options)) return;
  if (killAtMs <= deadlineMs) {
    sendSignal(target, 'SIGKILL', node);
    if (await waitUntilGone(target, Math.min(killAtMs + KILL_LIMIT_MS, deadlineMs), options)) return;
  }
  const elapsedMs = Math.round(clock.monotonicMs() - startMs);
  throw new LabError(`${node} (pid ${target.pid}) is still there ${elapsedMs} ms after ${stop.signal}`, {
    details: { node, pid: target.pid, elapsedMs, graceMs: stop.graceMs },
  });
}

/** The process as it is now, or undefined when it is gone or its pid belongs to another one. */
export function sameProcess(target: { pid: number; startTicks: number }): ProcessStat | undefined {
  const stat = readStat(target.pid);
  return stat && stat.startTicks === target.startTicks && isAlive(stat) ? stat : undefined;
}

/** Sends only to exactly this process; one that is gone is no error. */
export function sendSignal(target: ProcessStat, signal: NodeJS.Signals, node: string): void {
  if (!sameProcess(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (cause) {
    if (isErrno(cause, 'ESRCH')) return;
    throw new LabError(`${signal} to ${node} (pid ${target.pid}) failed: ${messageOf(cause)}`, {
      details: { node, pid: target.pid, signal },
      cause,
    });
  }
}

/** The signals that no program can catch take effect soon, but not at once; returns when they have. Others are the program's affair. */
export async function waitForEffect(
  target: ProcessStat,
  signal: NodeJS.Signals,
  options: CallOptions & { clock: Clock; node: string },
): Promise<void> {
  const isDone: Partial<Record<NodeJS.Signals, (stat: ProcessStat) => boolean>> = {
    SIGKILL: () => false,
    SIGSTOP: isPaused,
    SIGCONT: (stat) => !isPaused(stat),
  };
  const hasEffect = isDone[signal];
  if (!hasEffect) return;
  await waitFor(
    async () => {
      const stat = sameProcess(target);
      return !stat || hasEffect(stat) ? true : undefined;
    },
    {
      clock: options.clock,
      what: `${signal} to take effect on ${options.node} (pid ${target.pid})`,
      timeoutMs: options.timeoutMs ?? KILL_LIMIT_MS,
      intervalMs: 2,
      signal: options.signal,
    },
  );
}

async function waitUntilGone(target: ProcessStat, untilMs: number, options: EndOptions): Promise<boolean> {
  const { clock, signal } = options;
  let pollMs = FIRST_POLL_MS;
  while (sameProcess(target)) {
    if (signal?.aborted) throw abortedError(signal);
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0) return false;
    await clock.sleep(Math.min(pollMs, leftMs), signal);
    pollMs = Math.min(pollMs * 1.3, LONGEST_POLL_MS);
  }
  return true;
}
