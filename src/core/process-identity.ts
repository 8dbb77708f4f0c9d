import { readFile } from 'node:fs/promises';

/** A process that cannot be mistaken for another one with the same pid: pids are reused, start times of one boot are not. */
export interface ProcessIdentity {
  pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/<pid>/stat. */
  startTicks: string;
  bootId: string;
}

/** Identity of a live process, or undefined when there is none (a zombie is none). Linux only. */
export async function processIdentity(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const [stat, bootId] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // The command name in parentheses may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    const startTicks = fields[19];
    if (state === undefined || startTicks === undefined || 'ZX'.includes(state)) return undefined;
    return { pid, startTicks, bootId: bootId.trim() };
  } catch {
    return undefined;
  }
}

/** Whether exactly this process still lives. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await processIdentity(identity.pid);
  return now?.startTicks === identity.startTicks && now.bootId === identity.bootId;
}
