import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../../../core/errors.ts';
import { mustRun } from './command.ts';
import { askEngine } from './engine-client.ts';
import { cutTable, removal } from './nft-ruleset.ts';
import { cgroupFolder, type AgentTask, type TryReport } from './task.ts';

const TABLE = 'seatrial_try';

/** Tries things in this container's own namespaces, where they disturb nobody, and says what is lacking. */
export async function tryOut({ what, engineId }: Extract<AgentTask, { role: 'try' }>): Promise<TryReport> {
  switch (what) {
    case 'network':
      return tryNetwork();
    case 'engine':
      return lacking('engine', async () => {
        const { body } = await askEngine('GET', '/info');
        const { ID } = JSON.parse(body.toString('utf8')) as { ID: string };
        if (ID !== engineId) throw new Error('the socket that was mounted is that of another engine');
      });
    case 'cgroup':
      return lacking('cgroup', trySetting);
    case 'process':
      return lacking('process', async () => {
        await mustRun('prlimit', ['--pid', String(process.pid), '--fsize=1048576:']);
        await mustRun('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:']);
        // Of another pid namespace no other process can be seen.
        if (process.pid === 1 || !existsSync('/proc/2')) throw new Error('the processes of the machine cannot be seen');
      });
  }
}

async function tryNetwork(): Promise<TryReport> {
  const nft = await lacking('nft', async () => {
    const peer = { is: ['192.0.2.1', '2001:db8::1'] };
    const rules = [
      { label: 'in', direction: 'in', verdict: 'drop', peer },
      { label: 'in', direction: 'in', verdict: 'reject', peer },
      { label: 'out', direction: 'out', verdict: 'reject', peer, ports: { near: [1], far: [2] } },
    ] as const;
    await mustRun('nft', ['-f', '-'], cutTable(TABLE, rules, 10));
    await mustRun('nft', ['-f', '-'], removal(TABLE));
  });
  const htb = await lacking('htb', async () => {
    await mustRun('tc', ['qdisc', 'add', 'dev', 'lo', 'root', 'handle', '1:', 'htb', 'default', '1']);
    const filter = 'filter add dev lo parent 1: protocol ip prio 1 u32 match ip dst 192.0.2.1/32 flowid 1:1';
    await mustRun('tc', filter.split(' ')).finally(() => mustRun('tc', ['qdisc', 'del', 'dev', 'lo', 'root']));
  });
  const netem = await lacking('netem', async () => {
    await mustRun('tc', ['qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms']);
    await mustRun('tc', ['qdisc', 'del', 'dev', 'lo', 'root']);
  });
  return { ...nft, ...htb, ...netem };
}

/** Writes what stands in it already to a limit of this container's own group. */
async function trySetting(): Promise<void> {
  const groups = await readFile('/proc/self/cgroup', 'utf8');
  const path =
    /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m.exec(groups)?.[1] ?? /^0::(.*)$/m.exec(groups)?.[1] ?? '/';
  const isUnified = !existsSync(join(cgroupFolder, 'memory'));
  const file = join(cgroupFolder, isUnified ? '' : 'memory', path, isUnified ? 'memory.max' : 'memory.limit_in_bytes');
  await writeFile(file, (await readFile(file, 'utf8')).trim());
}

async function lacking(name: keyof TryReport, attempt: () => Promise<void>): Promise<TryReport> {
  try {
    await attempt();
    return {};
  } catch (error) {
    return { [name]: messageOf(error) };
  }
}
