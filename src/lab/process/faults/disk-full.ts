import { readFile } from 'node:fs/promises';
import { LabError } from '../../../core/errors.ts';
import { isErrno } from '../../../core/files.ts';
import { sameProcess } from '../end-process.ts';
import type { ProcessStat } from '../proc.ts';
import type { ActionOf, FaultKind } from './fault-kind.ts';
import { runTool } from './run-tool.ts';

interface Limited {
  pid: number;
  startTicks: number;
  /** The limit before, as prlimit takes it. */
  before: string;
}

/** A program whose write failed just before the heal may still be on its way to its end. */
const SETTLE_MS = 1500;

/**
 * A soft limit of zero for the size of files: every write to a regular file fails with EFBIG, its log included. A program that does not
 * ignore SIGXFSZ is ended by it. The undoing puts the limit back, and starts a node that has ended.
 */
export const diskFull: FaultKind<ActionOf<'disk-full'>> = {
  inject: async ({ node }, { lab }, keep) => {
    const processes = await lab.processes(node.name);
    if (processes.length === 0) {
      throw new LabError(`disk-full on ${node.name}: it is not running`, { details: { node: node.name } });
    }
    const limits = await Promise.all(processes.map(({ pid }) => softLimit(pid)));
    const limited = processes.flatMap(({ pid, startTicks }, index): Limited[] => {
      const before = limits[index];
      return before === undefined ? [] : [{ pid, startTicks, before }];
    });
    await keep({ limited });
    for (const one of limited) await setLimit(one, '0');
  },
  inspect: async ({ node, memo }, { lab }) => {
    const limited = (memo['limited'] ?? []) as Limited[];
    const alive = limited.filter((one) => sameProcess(one));
    const now = await lab.processes(node.name);
    const limits = await Promise.all(alive.map(({ pid }) => softLimit(pid)));
    const isLimited = limits.every((limit) => limit === '0' || limit === undefined);
    const effect = { process: now.length === 0 ? 'gone' : 'there', fileSizeLimitBytes: limits[0] ?? 'none' };
    if (now.length === 0) {
      return { state: 'injected', effect, detail: `${node.name} has ended since its files cannot grow` };
    }
    const isWhole = now.every((stat: ProcessStat) => alive.some(({ pid }) => pid === stat.pid));
    if (isWhole && isLimited) return { state: 'injected', effect };
    return { state: 'lost', effect, detail: `${node.name} was started again, or its limit was lifted` };
  },
  undo: async ({ node, memo }, { lab, clock }) => {
    const limited = (memo['limited'] ?? []) as Limited[];
    for (const one of limited) await setLimit(one, one.before);
    const [first] = limited;
    if (!first) return;
    // A child that was born since then has inherited the limit.
    for (const one of await lab.processes(node.name)) {
      if ((await softLimit(one.pid)) === '0') await setLimit(one, first.before);
    }
    if (!(await lab.defined(node.name))) return;
    const untilMs = clock.monotonicMs() + SETTLE_MS;
    while (limited.some((one) => sameProcess(one)) && clock.monotonicMs() < untilMs) await clock.sleep(50);
    await lab.start(node);
  },
};

/** Undefined when the process has ended. */
async function softLimit(pid: number): Promise<string | undefined> {
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined;
    throw error;
  });
  if (limits === undefined) return undefined;
  const [, soft] = /^Max file size\s+(\S+)/m.exec(limits) ?? [];
  if (soft === undefined) throw new LabError(`the limits of pid ${pid} do not tell the size of files`);
  return soft;
}

/** The hard limit stays: without it nobody but root could put the soft one back. A process that has ended needs none. */
async function setLimit(one: Pick<Limited, 'pid' | 'startTicks'>, soft: string): Promise<void> {
  if (!sameProcess(one)) return;
  try {
    await runTool('prlimit', ['--pid', String(one.pid), `--fsize=${soft}:`]);
  } catch (error) {
    if (sameProcess(one)) throw error;
  }
}
