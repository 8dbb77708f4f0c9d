import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** Clock ticks a second in /proc; Linux fixes it at 100 towards user space on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A line of /proc/<pid>/stat, as far as the lab needs it. */
export interface ProcessStat {
  pid: number;
  name: string;
  state: string;
  processGroup: number;
  threads: number;
  /** Ticks between the machine's boot and the start of the process: with the pid it names a process uniquely until the next boot. */
  startTicks: number;
  /** Exit code of a process that has ended but was not yet reaped, as a shell would report it. */
  exitCode: number | undefined;
}

/** The process's entry, or undefined when there is no such process. Synchronous: procfs never waits for a disk. */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name stands in parentheses and may itself hold spaces and parentheses.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < 0) return undefined;
  const fields = text.slice(close + 2).split(' ');
  const state = fields[0] ?? 'X';
  return {
    pid,
    name: text.slice(open + 1, close),
    state,
    processGroup: Number(fields[2]),
    threads: Number(fields[17]),
    startTicks: Number(fields[19]),
    exitCode: state === 'Z' ? shellExitCode(Number(fields[49])) : undefined,
  };
}

/** Whether the process still holds its files. A zombie whose other threads are still ending does. */
export function isAlive(stat: ProcessStat): boolean {
  return (stat.state !== 'Z' && stat.state !== 'X') || stat.threads > 1;
}

export function isPaused(stat: ProcessStat): boolean {
  return stat.state === 'T' || stat.state === 't';
}

function shellExitCode(waitStatus: number): number {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}

/** Identifies this boot of the machine; pids and ticks mean nothing across two boots. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Wall time of the machine's boot, in ms; exact to one tick. */
export function bootTimeMs(wallMs: number): number {
  const upSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return wallMs - upSeconds * 1000;
}

export function ticksToMs(ticks: number): number {
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** The process's real argument list. Empty for a zombie or a process that is gone. */
export function readCommandLine(pid: number): string[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return [];
  }
  if (text === '') return [];
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}

/** Ids of all processes that can be seen. */
export async function listPids(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

/** The start environment of a process, or undefined when it is gone or belongs to somebody else. */
export async function readEnvironment(pid: number): Promise<string[] | undefined> {
  try {
    return (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
  } catch {
    return undefined;
  }
}
