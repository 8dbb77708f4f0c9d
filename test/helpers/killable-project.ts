import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { leftInState, type KillableNet } from './kill-and-resume.ts';
import type { useProject } from './project.ts';

/** A testnet on the process lab whose commands can be killed. */
export function killableProject(project: ReturnType<typeof useProject>): KillableNet {
  const { testnet, stateDir } = project;

  return {
    testnet,
    stateDir,
    start: (...args) => project.start(...args),
    seatrial: (...args) => project.seatrial(...args),
    status: () => project.status(),
    starts: async () => {
      const names = await readdir(join(stateDir, 'nodes'));
      const logs = names.map(async (name) => {
        const folder = join(stateDir, 'nodes', name, 'logs');
        const texts = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
        return [name, texts.join('').split('"msg":"listening"').length - 1] as const;
      });
      return Object.fromEntries(await Promise.all(logs));
    },
    leftovers: async () => {
      const files = await readdir(stateDir, { recursive: true });
      const lock = createHash('sha256').update(stateDir).digest('hex');
      const sockets = (await readFile('/proc/net/unix', 'utf8')).includes(`seatrial-lock-${lock}`) ? ['the lock'] : [];
      const switched = files.filter((file) => file.endsWith('tss-lease.json'));
      return [...(await leftInState(stateDir, files)), ...switched, ...sockets, ...(await otherProcesses())];
    },
  };

  /** Processes of the project beside its nodes and the lab daemon, which stays as long as they do. */
  async function otherProcesses(): Promise<string[]> {
    const nodes = Object.values(await project.instances()).map((instance) => instance.split(':')[0]);
    const known = [...nodes, ...(await project.daemonPids()).map(String)];
    const pids = (await readdir('/proc')).filter((pid) => /^\d+$/.test(pid) && !known.includes(pid));
    const commands = await Promise.all(
      pids.map(async (pid) => {
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        return command.includes(project.root) || command.includes(testnet)
          ? [`${pid} ${command.replaceAll('\0', ' ')}`]
          : [];
      }),
    );
    return commands.flat();
  }
}
