import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../../core/clock.ts';
import type { FaultDriver } from './fault-driver.ts';
import { cgroupFolder, type FaultTask } from './task.ts';

const MAX_DEPTH = 8;
const BUSY_TRIES = 10;
const BUSY_WAIT_MS = 200;

/** A file of the kernel with what stood in it. */
interface Setting {
  file: string;
  value: string;
}

interface Before {
  /** In the order in which they are put back. */
  settings: Setting[];
  wanted: Setting[];
}

type LimitTask = Extract<FaultTask, { kind: 'cpu' | 'memory' }>;

/**
 * Limits of a container's control group, written to the kernel and not through the engine: an engine cannot take a memory limit away
 * again from a container that had none, and would keep another definition of the container than the one that it was made from.
 */
export function cgroupLimit(task: LimitTask): FaultDriver<Before> {
  return {
    before: async () => {
      const folder = await groupFolder(task.kind, task.container);
      if (folder === undefined) throw new Error('it has no control group: it does not run');
      const wanted = await (task.kind === 'cpu' ? cpuSettings(folder, task.share) : memorySettings(folder, task));
      const settings = await Promise.all(
        wanted.map(async ({ file }) => ({ file, value: (await readFile(file, 'utf8')).trim() })),
      );
      // A limit may not pass the one that encloses it: they go down in one order and up in the other.
      return { settings: settings.reverse(), wanted };
    },
    inject: async ({ wanted }) => {
      for (const { file, value } of wanted) await setLimit(file, value);
    },
    look: async ({ wanted }) => {
      const missing = wanted.filter(({ file }) => !existsSync(file));
      if (missing.length > 0)
        return { isThere: false, effect: {}, detail: 'its control group is gone: it was restarted' };
      const changed: string[] = [];
      for (const { file, value } of wanted) {
        if (!isSame((await readFile(file, 'utf8')).trim(), value)) changed.push(file.split('/').at(-1) ?? file);
      }
      const effect = await effectOf(task.kind, wanted[0]?.file ?? '');
      return changed.length === 0
        ? { isThere: true, effect }
        : { isThere: false, effect, detail: `somebody else set ${changed.join(', ')}` };
    },
    undo: async ({ settings }) => {
      for (const { file, value } of settings) {
        if (existsSync(file)) await writeFile(file, value);
      }
    },
  };
}

/** The kernel takes memory back to make a limit possible, and says that it is busy when that did not go far enough at once. */
async function setLimit(file: string, value: string): Promise<void> {
  for (let left = BUSY_TRIES; ; left--) {
    try {
      await writeFile(file, value);
      return;
    } catch (cause) {
      const isBusy = cause instanceof Error && 'code' in cause && cause.code === 'EBUSY';
      if (!isBusy) throw cause;
      if (left === 0) throw new Error('it uses more than that already, and the kernel cannot take it back', { cause });
      await systemClock.sleep(BUSY_WAIT_MS);
    }
  }
}

async function cpuSettings(folder: string, share: number): Promise<Setting[]> {
  const unified = join(folder, 'cpu.max');
  if (existsSync(unified)) {
    const [own = 'max', period = ''] = (await readFile(unified, 'utf8')).trim().split(' ');
    return [{ file: unified, value: `${quotaUs(share, Number(period), Number(own))} ${period}` }];
  }
  const file = join(folder, 'cpu.cfs_quota_us');
  const [own, period] = await Promise.all([
    readFile(file, 'utf8'),
    readFile(join(folder, 'cpu.cfs_period_us'), 'utf8'),
  ]);
  return [{ file, value: String(quotaUs(share, Number(period), Number(own))) }];
}

/** Of one core; never more than the container had. The kernel takes no less than 1 ms. */
export function quotaUs(share: number, periodUs: number, ownUs: number): number {
  const wanted = Math.round(share * periodUs);
  return Math.max(1_000, ownUs > 0 ? Math.min(wanted, ownUs) : wanted);
}

async function memorySettings(folder: string, { limitBytes }: { limitBytes: number }): Promise<Setting[]> {
  const unified = join(folder, 'memory.max');
  const value = String(limitBytes);
  if (existsSync(unified)) {
    // Otherwise what does not fit would go to the swap, and nothing would be short.
    const swap = join(folder, 'memory.swap.max');
    return [{ file: unified, value }, ...(existsSync(swap) ? [{ file: swap, value: '0' }] : [])];
  }
  const both = join(folder, 'memory.memsw.limit_in_bytes');
  const own = { file: join(folder, 'memory.limit_in_bytes'), value };
  return [own, ...(existsSync(both) ? [{ file: both, value }] : [])];
}

async function effectOf(kind: LimitTask['kind'], file: string): Promise<Record<string, number | string>> {
  const folder = file.slice(0, file.lastIndexOf('/'));
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8').catch(() => '');
  const limit = (await readFile(file, 'utf8')).trim();
  if (kind === 'cpu') {
    const stat = await read('cpu.stat');
    return { quota: limit, 'throttled periods': Number(/nr_throttled (\d+)/.exec(stat)?.[1] ?? 0) };
  }
  const [unified, used, events, oom] = await Promise.all([
    read('memory.current'),
    read('memory.usage_in_bytes'),
    read('memory.events'),
    read('memory.oom_control'),
  ]);
  const kills = Number(/oom_kill (\d+)/.exec(`${events}${oom}`)?.[1] ?? 0);
  return { 'limit bytes': Number(limit), 'used bytes': Number((unified || used).trim()), 'killed for memory': kills };
}

/** The kernel rounds a number of bytes to pages. */
function isSame(found: string, wanted: string): boolean {
  if (found === wanted) return true;
  const difference = Math.abs(Number(found) - Number(wanted));
  return !Number.isNaN(difference) && difference < 4096 && Number(wanted) > 4096 && !wanted.includes(' ');
}

/** The folder of a container's group: its name holds the container's id, wherever the engine's driver puts it. */
async function groupFolder(controller: 'cpu' | 'memory', container: string): Promise<string | undefined> {
  const own = join(cgroupFolder, controller);
  return findFolder(existsSync(own) ? own : cgroupFolder, container, MAX_DEPTH);
}

async function findFolder(folder: string, name: string, depth: number): Promise<string | undefined> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory());
  const found = folders.find((entry) => entry.name.includes(name));
  if (found) return join(folder, found.name);
  if (depth === 0) return undefined;
  for (const entry of folders) {
    const below = await findFolder(join(folder, entry.name), name, depth - 1);
    if (below !== undefined) return below;
  }
  return undefined;
}
