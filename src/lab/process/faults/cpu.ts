import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { LabError } from '../../../core/errors.ts';
import { sameProcess, sendSignal } from '../end-process.ts';
import { readStat } from '../proc.ts';
import type { ActionOf, FaultKind } from './fault-kind.ts';
import { runTool } from './run-tool.ts';

interface Known {
  pid: number;
  startTicks: number;
}

/** Programs of util-linux and coreutils that it needs. */
export const CPU_TOOLS = ['taskset', 'nice'] as const;

/** Each step of niceness is worth so much less of a core. */
const NICE_STEP = 1.25;
const NICEST = 19;

/** Burns its core until the process $1, the lab daemon, is gone. Looks only now and then: what it does is to be work, not calls. */
const BURNER = `
lives() {
  while read -r key value _; do
    if [ "$key" = State: ]; then [ "$value" != Z ] && [ "$value" != X ]; return; fi
  done < "/proc/$1/status"
  return 1
}
while lives "$1" 2>/dev/null; do
  i=0
  while [ $i -lt 50000 ]; do i=$((i + 1)); done
done
`;

/**
 * The node is kept to one core, which it shares with so many burners that it gets its share of it and no more; it is never stopped, so
 * that nothing can leave it stopped. The burners end with the lab daemon; the undoing gives the node its cores back.
 */
export const cpu: FaultKind<ActionOf<'cpu'>> = {
  inject: async ({ node, action }, { lab }, keep) => {
    const processes = await lab.processes(node.name);
    const [main] = processes;
    if (!main) throw new LabError(`cpu on ${node.name}: it is not running`, { details: { node: node.name } });
    const cores = await affinity(main.pid);
    if (cores === undefined)
      throw new LabError(`cpu on ${node.name}: it has just ended`, { details: { node: node.name } });
    const core = lastCore(cores);
    const known = processes.map(({ pid, startTicks }): Known => ({ pid, startTicks }));
    const plan = burnersFor(action.share);
    await keep({ cores, core, known, burners: [] });
    const burners: Known[] = [];
    for (let count = 0; count < plan.count; count++) burners.push(await burn(core, plan.nice));
    await keep({ cores, core, known, burners, waitedMs: waitedMs(main.pid) });
    for (const one of known) await bind(one, core);
  },
  inspect: async ({ node, action, memo }, { lab }) => {
    const [main] = await lab.processes(node.name);
    const burners = ((memo['burners'] ?? []) as Known[]).filter((one) => sameProcess(one)).length;
    const effect = {
      share: action.share,
      core: String(memo['core']),
      burners,
      ...(main && { waitedMs: Math.round(waitedMs(main.pid) - Number(memo['waitedMs'] ?? 0)) }),
    };
    const known = (memo['known'] ?? []) as Known[];
    const isSame = main !== undefined && known.some((one) => one.pid === main.pid && sameProcess(one));
    const isBound = isSame && (await affinity(main.pid)) === memo['core'];
    if (isBound && burners === burnersFor(action.share).count) return { state: 'injected', effect };
    const detail = isSame ? `${node.name} was given its cores back` : `${node.name} was started again, or has ended`;
    return { state: 'lost', effect, detail };
  },
  undo: async ({ node, memo }, { lab }) => {
    for (const one of (memo['burners'] ?? []) as Known[]) {
      const stat = sameProcess(one);
      if (stat) sendSignal(stat, 'SIGKILL', `a burner beside ${node.name}`);
    }
    if (typeof memo['cores'] !== 'string') return;
    for (const one of (memo['known'] ?? []) as Known[]) await bind(one, memo['cores']);
    // A child that was born since then has inherited the one core.
    for (const one of await lab.processes(node.name)) {
      if ((await affinity(one.pid)) === memo['core']) await bind(one, memo['cores']);
    }
  },
};

/** How many burners, and how nice, leave a busy program this share of a core beside them. */
export function burnersFor(share: number): { count: number; nice: number } {
  // Weight of all burners together, the program's own being 1.
  const weight = (1 - share) / Math.max(share, 0.01);
  const count = Math.max(1, Math.ceil(weight));
  const nice = Math.round(-Math.log(weight / count) / Math.log(NICE_STEP));
  return { count, nice: Math.min(NICEST, Math.max(0, nice)) };
}

/** In a session of its own: where the kernel shares the cores out by sessions, each counts as one. */
async function burn(core: string, nice: number): Promise<Known> {
  const args = [
    '--cpu-list',
    core,
    'nice',
    '-n',
    String(nice),
    'sh',
    '-c',
    BURNER,
    'seatrial-burner',
    String(process.pid),
  ];
  const child = spawn('taskset', args, { cwd: '/', detached: true, stdio: 'ignore' });
  child.on('error', () => undefined);
  const stat = child.pid === undefined ? undefined : readStat(child.pid);
  if (!stat) throw new LabError('a burner could not be started');
  // The session's own weight, where there is such a thing; the kernel takes few changes a second, and only from the process's owner.
  await writeFile(`/proc/${stat.pid}/autogroup`, String(nice)).catch(() => undefined);
  return { pid: stat.pid, startTicks: stat.startTicks };
}

/** All threads of a process, if it has not ended. */
async function bind(one: Known, cores: string): Promise<void> {
  if (!sameProcess(one)) return;
  try {
    await runTool('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(one.pid)]);
  } catch (error) {
    if (sameProcess(one)) throw error;
  }
}

/** Undefined when the process has ended. */
async function affinity(pid: number): Promise<string | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^Cpus_allowed_list:\s+(\S+)/m.exec(status)?.[1];
}

function lastCore(cores: string): string {
  return cores.split(/[,-]/).at(-1) ?? '0';
}

/** How long the program's threads were ready and had to wait for a core. */
function waitedMs(pid: number): number {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const waits = tasks.map((task) =>
      Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[1]),
    );
    return waits.reduce((sum, ns) => sum + ns / 1e6, 0);
  } catch {
    // It ended while it was looked at, or the kernel does not count.
    return 0;
  }
}
