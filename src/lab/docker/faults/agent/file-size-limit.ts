import { readdir, readFile } from 'node:fs/promises';
import { mustRun } from './command.ts';
import type { FaultDriver } from './fault-driver.ts';
import type { FaultTask } from './task.ts';

/** Number of SIGXFSZ, which the kernel sends beside the error. */
const SIGXFSZ = 25;

interface LimitedProcess {
  pid: number;
  parent: number;
  startTicks: string;
  soft: string;
}

/**
 * No file of the container's processes can grow: the soft limit of the size of files is nothing. It belongs to the processes, so the disk
 * itself is not touched, and what a process starts inherits it.
 */
export function fileSizeLimit(task: Extract<FaultTask, { kind: 'disk-full' }>): FaultDriver<LimitedProcess[]> {
  const find = (): Promise<LimitedProcess[]> => processesOf(task.container);
  return {
    before: async () => {
      const found = await find();
      if (found.length === 0) throw new Error('it has no process');
      for (const { pid } of found) {
        if (!(await survivesSignal(pid))) {
          throw new Error(
            'its process would be ended by SIGXFSZ instead of being told that the disk is full: it neither ignores nor handles that signal',
          );
        }
      }
      return found;
    },
    inject: async () => {
      // A second look finds what was started during the first.
      for (let round = 0; round < 2; round++) {
        for (const { pid, soft } of await find()) {
          if (soft !== '0') await setSoftLimit(pid, '0');
        }
      }
    },
    look: async () => {
      const found = await find();
      const limited = found.filter(({ soft }) => soft === '0').length;
      const effect = { processes: found.length, 'limited processes': limited };
      if (found.length > 0 && limited === found.length) return { isThere: true, effect };
      return { isThere: false, effect, detail: found.length === 0 ? 'it has no process any more' : 'it was restarted' };
    },
    undo: async (before) => {
      const [first] = before;
      for (const { pid, startTicks, soft } of await find()) {
        if (soft !== '0') continue;
        const known = before.find((one) => one.pid === pid && one.startTicks === startTicks);
        await setSoftLimit(pid, (known ?? first)?.soft ?? 'unlimited');
      }
    },
  };
}

async function setSoftLimit(pid: number, soft: string): Promise<void> {
  await mustRun('prlimit', ['--pid', String(pid), `--fsize=${soft}:`]).catch(async (error: unknown) => {
    // It may have ended.
    if ((await processAt(pid)) !== undefined) throw error;
  });
}

/**
 * The container's program and what it has started. A command that somebody runs beside it (a health check, say) is in the container as well, comes and
 * goes, and is none of the node's.
 */
async function processesOf(container: string): Promise<LimitedProcess[]> {
  const all = await allProcessesOf(container);
  const pids = new Set(all.map(({ pid }) => pid));
  const [main] = all
    .filter(({ parent }) => !pids.has(parent))
    .sort((a, b) => Number(a.startTicks) - Number(b.startTicks) || a.pid - b.pid);
  const below = (parents: readonly LimitedProcess[]): LimitedProcess[] => {
    const children = all.filter(({ parent }) => parents.some(({ pid }) => pid === parent));
    return children.length === 0 ? [...parents] : [...parents, ...below(children)];
  };
  return main ? below([main]) : [];
}

async function allProcessesOf(container: string): Promise<LimitedProcess[]> {
  const found: LimitedProcess[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const groups = await readFile(`/proc/${name}/cgroup`, 'utf8').catch(() => '');
    if (!groups.includes(container)) continue;
    const process = await processAt(Number(name));
    if (process) found.push(process);
  }
  return found;
}

async function processAt(pid: number): Promise<LimitedProcess | undefined> {
  try {
    const [stat, limits] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/limits`, 'utf8'),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const soft = /^Max file size\s+(\S+)/m.exec(limits)?.[1];
    if (soft === undefined || 'ZX'.includes(fields[0] ?? 'X')) return undefined;
    return { pid, parent: Number(fields[1]), startTicks: fields[19] ?? '', soft };
  } catch {
    return undefined;
  }
}

async function survivesSignal(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return [...status.matchAll(/^Sig(?:Ign|Cgt):\s+([0-9a-f]+)$/gm)].some(
    ([, mask = '0']) => ((BigInt(`0x${mask}`) >> BigInt(SIGXFSZ - 1)) & 1n) === 1n,
  );
}
