import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { sha256File } from '../../../src/core/canonical.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import type { LaunchingLab } from '../../../src/lab/lab.ts';
import { createProcessLab } from '../../../src/lab/process/process-lab.ts';
import { isAlive, readStat } from '../../../src/lab/process/proc.ts';
import type { TopologyNode } from '../../../src/topology/topology.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

/** A small program that says `ready` with its port open, and stops when it is told to. */
export const obedientProgram = `
import { createServer } from 'node:net';
const port = Number(process.argv[2] ?? 0);
process.on('SIGTERM', () => { console.log('stopping'); process.exit(0); });
createServer().listen(port, '127.0.0.1', () => console.log('ready'));
`;

/** Counts the stop signals that it gets and never obeys. */
export const stubbornProgram = `
process.on('SIGTERM', () => console.log('asked to stop'));
setInterval(() => {}, 1000);
console.log('ready');
`;

export interface Bench {
  stateDir: string;
  folder: string;
  lab: LaunchingLab;
  /** Another lab object on the same testnet, as another command would make it. */
  secondLab: () => LaunchingLab;
  /** Writes a program and returns a node that runs it under Node. */
  node: (name: string, source: string, changes?: Partial<TopologyNode> & { args?: string[] }) => Promise<TopologyNode>;
}

/** A process lab in a folder of its own, or in one below it. Nodes that a test leaves behind are ended with it. */
export async function processBench(below = ''): Promise<Bench> {
  const folder = join(await temporaryFolder(), below);
  const stateDir = join(folder, '.seatrial', 'bench');
  const makeLab = (): LaunchingLab =>
    createProcessLab({ topology: { testnet: 'bench', stateDir }, clock: systemClock });
  const lab = makeLab();
  const nodes = new Map<string, TopologyNode>();
  onTestFinished(async () => {
    for (const node of nodes.values()) {
      if (!['running', 'paused'].includes((await lab.observe(node)).state)) continue;
      await lab.signal(node, 'SIGKILL');
      await lab.stop(node);
    }
  });
  return {
    stateDir,
    folder,
    lab,
    secondLab: makeLab,
    node: async (name, source, changes = {}) => {
      mkdirSync(join(folder, 'programs'), { recursive: true });
      const programPath = join(folder, 'programs', `${name}.mjs`);
      writeFileSync(programPath, source);
      const { args = [], ...rest } = changes;
      const node: TopologyNode = {
        name,
        role: 'validator',
        index: 0,
        votingPower: 1,
        startOrder: 0,
        release: {
          version: '1.0.0',
          kind: 'program',
          digest: `sha256:${await sha256File(programPath)}`,
          programPath,
        },
        command: [process.execPath, programPath, ...args],
        env: {},
        flags: {},
        files: {},
        secretFiles: {},
        dataDir: join(stateDir, 'nodes', name, 'data'),
        address: '127.0.0.1',
        bindAddress: '127.0.0.1',
        ports: [],
        stop: { signal: 'SIGTERM', graceMs: 5000 },
        limits: {},
        generation: 'generation-1',
        ...rest,
      };
      nodes.set(name, node);
      return node;
    },
  };
}

/** Waits until the node's log holds the text, and returns the log. */
export function logWith(lab: LaunchingLab, node: TopologyNode, text: string): Promise<string> {
  return waitFor(
    async () => {
      const log = (await lab.logs(node)).map((line) => line.text).join('\n');
      return log.includes(text) ? log : undefined;
    },
    { clock: systemClock, what: `"${text}" in the log of ${node.name}`, timeoutMs: 10_000, intervalMs: 10 },
  );
}

/** Waits until the node's process is gone by itself. */
export async function stopped(lab: LaunchingLab, node: TopologyNode): Promise<void> {
  await waitFor(async () => ((await lab.observe(node)).state === 'stopped' ? true : undefined), {
    clock: systemClock,
    what: `${node.name} to end`,
    timeoutMs: 10_000,
    intervalMs: 10,
  });
}

/** A process that has nothing to do with any lab; ended with the test. */
export async function bystander(): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve, reject) => child.once('spawn', () => resolve(undefined)).once('error', reject));
  if (child.pid === undefined) throw new Error('sleep was not started');
  return Object.assign(child, { pid: child.pid });
}

/** Whether a process lives; one that has ended and only waits to be reaped does not. */
export function isThere(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && isAlive(stat);
}
