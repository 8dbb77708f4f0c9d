import { readdir, readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LabError, messageOf } from '../../core/errors.ts';
import { isErrno } from '../../core/files.ts';
import { isAlive, processIdentity, type ProcessIdentity } from '../../core/process-identity.ts';
import { waitFor } from '../../core/wait.ts';

/** Every process that an operation of the engine starts inherits this: plugins are known for it when the command is long gone. */
const MARK_VARIABLE = 'SEATRIAL_OPERATION';
/** A plugin has nothing to finish without its engine; it is not asked for long. */
const TERM_TIMEOUT_MS = 2_000;
const KILL_TIMEOUT_MS = 5_000;

interface Mark extends ProcessIdentity {
  /** Absolute; tells two checkouts apart that use the same testnet name. */
  root: string;
  testnet: string;
}

interface MarkedProcess extends ProcessIdentity {
  parentPid: number;
  /** The program's name. */
  program: string;
  mark: Mark;
}

/** What the CLI is started with, so that what it starts can be told. Empty without /proc. */
export async function markEnvironment(root: string, testnet: string): Promise<Record<string, string>> {
  const identity = await processIdentity(process.pid);
  if (!identity) return {};
  const mark: Mark = { root: resolve(root), testnet, ...identity };
  return { [MARK_VARIABLE]: JSON.stringify(mark) };
}

/**
 * Ends what an operation on this testnet left behind whose command and whose CLI are both gone: plugins. A CLI that outlived its
 * command is left to finish, and its plugins with it. Resolves to the pids that were ended.
 */
export async function endOrphans(options: {
  root: string;
  testnet: string;
  clock: Clock;
  signal: AbortSignal | undefined;
}): Promise<number[]> {
  const orphans = await findOrphans(options.root, options.testnet);
  await Promise.all(orphans.map((orphan) => end(orphan, options)));
  return orphans.map(({ pid }) => pid);
}

async function findOrphans(root: string, testnet: string): Promise<MarkedProcess[]> {
  const marked = (await markedProcesses()).filter(
    ({ mark }) => mark.root === resolve(root) && mark.testnet === testnet,
  );
  const byPid = new Map(marked.map((one) => [one.pid, one]));
  const hasEngine = (one: MarkedProcess | undefined): boolean => {
    // The depth is bounded: a process is older than its children.
    for (let current = one; current; current = byPid.get(current.parentPid)) {
      if (current.program === 'pulumi') return true;
    }
    return false;
  };
  const ownerless = await Promise.all(marked.map(async (one) => ((await isAlive(one.mark)) ? undefined : one)));
  return ownerless.filter((one) => one !== undefined).filter((one) => one.pid !== process.pid && !hasEngine(one));
}

async function markedProcesses(): Promise<MarkedProcess[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => markedProcess(pid)));
  return found.filter((one) => one !== undefined);
}

/** Undefined also for a process that ended meanwhile, and for one of another user, which is none of ours. */
async function markedProcess(pid: number): Promise<MarkedProcess | undefined> {
  try {
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
    const entry = environment.find((one) => one.startsWith(`${MARK_VARIABLE}=`));
    if (entry === undefined) return undefined;
    const mark = JSON.parse(entry.slice(MARK_VARIABLE.length + 1)) as Mark;
    const identity = await processIdentity(pid);
    if (!identity) return undefined;
    const [command = ''] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command name in parentheses may itself hold spaces and parentheses.
    const parentPid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    return { ...identity, parentPid, program: basename(command), mark };
  } catch {
    return undefined;
  }
}

async function end(
  orphan: MarkedProcess,
  { clock, signal }: { clock: Clock; signal: AbortSignal | undefined },
): Promise<void> {
  const isGone = async (): Promise<true | undefined> => ((await isAlive(orphan)) ? undefined : true);
  const what = `${orphan.program} (pid ${orphan.pid}), left by a killed command, to end`;
  await send(orphan, 'SIGTERM');
  try {
    await waitFor(isGone, { clock, what, timeoutMs: TERM_TIMEOUT_MS, intervalMs: 20, signal });
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    await send(orphan, 'SIGKILL');
    await waitFor(isGone, { clock, what, timeoutMs: KILL_TIMEOUT_MS, intervalMs: 20, signal });
  }
}

/** Only to exactly this process: pids are reused. */
async function send(orphan: MarkedProcess, signal: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(orphan))) return;
  try {
    process.kill(orphan.pid, signal);
  } catch (cause) {
    if (isErrno(cause, 'ESRCH')) return;
    throw new LabError(`${signal} to ${orphan.program} (pid ${orphan.pid}) failed: ${messageOf(cause)}`, { cause });
  }
}
