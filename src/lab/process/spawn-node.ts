import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LabError, messageOf } from '../../core/errors.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { logFiles, rotateBeforeStart } from './log-rotation.ts';
import { readStat } from './proc.ts';

/** Taken over from the operator's environment; everything else a node gets is in its definition. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'] as const;

interface SpawnedNode {
  child: ChildProcess;
  pid: number;
  startTicks: number;
}

/** What whatever the lab starts takes over. */
export function inheritedEnvironment(): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(inherited);
}

/** The environment of a node's process, and of commands run beside it. */
export function nodeEnvironment(node: TopologyNode): Record<string, string> {
  return { ...inheritedEnvironment(), ...node.env };
}

/**
 * Starts the node's program in a session of its own, so that neither the end of this command nor a Ctrl-C in its terminal reaches it.
 * Its output is appended to node.log.
 */
export async function spawnNode(
  node: TopologyNode,
  logDir: string,
  mark: Record<string, string>,
): Promise<SpawnedNode> {
  const [program, ...args] = node.command;
  if (program === undefined) throw new LabError(`${node.name} has no command to run`, { details: { node: node.name } });
  const [logFile] = logFiles(logDir) as [string];
  await mkdir(dirname(logFile), { recursive: true });
  await rotateBeforeStart(logDir);
  const log = await open(logFile, 'a');
  try {
    const child = spawn(program, args, {
      cwd: node.dataDir,
      env: { ...nodeEnvironment(node), ...mark },
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const { pid } = child;
    if (pid === undefined) {
      const [cause] = (await once(child, 'error')) as [unknown];
      throw new LabError(`${node.name} could not be started: ${messageOf(cause)}`, {
        details: { node: node.name, command: node.command },
        cause,
      });
    }
    // Read before the event loop turns: until then even a child that has ended is there as a zombie.
    const stat = readStat(pid);
    if (!stat)
      throw new LabError(`${node.name} was started as pid ${pid} but is not in /proc`, {
        details: { node: node.name },
      });
    child.unref();
    return { child, pid, startTicks: stat.startTicks };
  } finally {
    await log.close();
  }
}
