import { execFile, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import type { FaultAction } from '../../../src/lab/faults.ts';
import type { ProcessLab } from '../../../src/lab/process/alterable-lab.ts';
import { daemonPaths } from '../../../src/lab/process/daemon/control-protocol.ts';
import { findDaemon } from '../../../src/lab/process/mark.ts';
import { listPids, readCommandLine, readStat } from '../../../src/lab/process/proc.ts';
import { createProcessLab } from '../../../src/lab/process/process-lab.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { bystander, logWith, processBench } from './sample-nodes.ts';

/** Starts a child whenever it is told to. */
const parentProgram = `
import { spawn } from 'node:child_process';
process.on('SIGUSR2', () => spawn('sleep', ['600'], { stdio: 'ignore' }));
setInterval(() => {}, 1000);
console.log('ready');
`;

interface ParentBench {
  lab: ProcessLab;
  nodes: [TopologyNode, TopologyNode];
  stateDir: string;
  /** Injects into the first node. */
  inject(action: FaultAction): Promise<void>;
  heal(): Promise<void>;
}

async function parentBench(): Promise<ParentBench> {
  const bench = await processBench();
  const { stateDir } = bench;
  const lab = createProcessLab({ topology: { testnet: 'bench', stateDir }, clock: systemClock });
  const nodes: [TopologyNode, TopologyNode] = [
    await bench.node('parent', parentProgram),
    await bench.node('other', parentProgram),
  ];
  const topology = { testnet: 'bench', nodes, stateDir } as unknown as Topology;
  onTestFinished(() => createDirectDeployer({ lab, clock: systemClock }).destroy(topology));
  for (const node of nodes) {
    await lab.launch(node);
    await logWith(lab, node, 'ready');
  }
  const [node] = nodes;
  return {
    lab,
    nodes,
    stateDir,
    inject: async (action) => {
      await lab.faults.arm({ id: 'f1', node, action, ttlMs: 60_000 });
      await lab.faults.inject(node, 'f1');
    },
    heal: () => lab.faults.heal(node, 'f1'),
  };
}

const fileSizeLimit = (pid: number): string | undefined =>
  /^Max file size\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1];
const cores = (pid: number): string | undefined =>
  /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

test.each<[string, FaultAction, (pid: number) => string | undefined]>([
  ['disk-full', { kind: 'disk-full' }, fileSizeLimit],
  ['cpu', { kind: 'cpu', share: 0.5 }, cores],
])('a child that is born under %s is rid of it with its heal', async (_kind, action, read) => {
  const { lab, nodes, inject, heal } = await parentBench();
  const [node] = nodes;
  const [parent] = await lab.processes(node.name);
  if (!parent) throw new Error('the node does not run');
  const before = read(parent.pid);
  await inject(action);
  const impaired = read(parent.pid);
  await lab.signal(node, 'SIGUSR2');
  const child = await waitFor(async () => (await lab.processes(node.name))[1], {
    clock: systemClock,
    what: 'a child',
    timeoutMs: 10_000,
  });
  expect(read(child.pid)).toBe(impaired);
  await heal();
  expect(read(child.pid)).toBe(before);
  expect(read(parent.pid)).toBe(before);
});

test('a node that is removed under pressure on its CPU leaves no burners, and no fault', async () => {
  const { lab, nodes, stateDir, inject } = await parentBench();
  const [node] = nodes;
  await inject({ kind: 'cpu', share: 0.5 });
  const daemons = new Set((await findDaemon('bench', stateDir)).map(({ pid }) => String(pid)));
  const burners = async (): Promise<number[]> =>
    (await listPids()).filter((pid) => {
      const command = readCommandLine(pid);
      return command.includes('seatrial-burner') && daemons.has(command.at(-1) ?? '') && readStat(pid)?.state !== 'Z';
    });
  expect(await burners()).not.toEqual([]);
  await lab.stop(node);
  await lab.remove(node);
  expect(await lab.faults.list()).toEqual([]);
  const areGone = async (): Promise<true | undefined> => ((await burners()).length === 0 ? true : undefined);
  await waitFor(areGone, { clock: systemClock, what: 'the burners to end', timeoutMs: 2000 });
});

test('a node whose fault cannot be undone is removed all the same', async () => {
  const { lab, nodes, stateDir } = await parentBench();
  const [node] = nodes;
  await leave(stateDir, node);
  expect(await lab.faults.list()).toMatchObject([{ id: 'left', state: 'lost' }]);
  await lab.stop(node);
  await lab.remove(node);
  expect(await lab.faults.list()).toEqual([]);
});

test('a lab daemon answers nobody before it knows what the one before has left', async () => {
  const { lab, nodes, stateDir } = await parentBench();
  const { folder, leases } = daemonPaths(stateDir);
  await mkdir(folder, { recursive: true });
  // A file that is read as slowly as it is written.
  await promisify(execFile)('mkfifo', [leases]);
  const listed = lab.faults.list();
  const early = await Promise.race([listed, systemClock.sleep(3000).then(() => 'nothing yet')]);
  const limited = await leave(stateDir, nodes[0]);
  expect(early).toBe('nothing yet');
  expect(await listed).toMatchObject([{ id: 'left', state: 'lost' }]);
  limited.kill('SIGKILL');
  const isUndone = async (): Promise<true | undefined> => ((await lab.faults.list()).length === 0 ? true : undefined);
  await waitFor(isUndone, { clock: systemClock, what: 'the fault to be undone', timeoutMs: 10_000 });
});

/** The lease of an earlier daemon that cannot be undone while a process lives: there is no such limit. Returns the process. */
async function leave(stateDir: string, node: TopologyNode): Promise<ChildProcess> {
  const limited = await bystander();
  const { pid } = limited;
  const memo = { limited: [{ pid, startTicks: readStat(pid)?.startTicks, before: 'no number' }] };
  const lease = { id: 'left', node, action: { kind: 'disk-full' }, memo, state: 'injected' };
  const { folder, leases } = daemonPaths(stateDir);
  await mkdir(folder, { recursive: true });
  await writeFile(leases, JSON.stringify([lease]));
  return limited;
}
