import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import type { FaultAction } from '../../../src/lab/faults.ts';
import type { ProcessLab } from '../../../src/lab/process/alterable-lab.ts';
import { createProcessLab } from '../../../src/lab/process/process-lab.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { logWith, processBench } from './sample-nodes.ts';

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
