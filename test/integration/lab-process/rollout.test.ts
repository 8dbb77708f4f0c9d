import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import type { RollHooks } from '../../../src/engine/deployer.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { isThere, logWith, obedientProgram, processBench, type Bench } from './sample-nodes.ts';

const names = ['validator-0', 'validator-1', 'validator-2', 'validator-3'];

async function fleet(bench: Bench, generation: string): Promise<Topology> {
  const nodes = await Promise.all(names.map((name) => bench.node(name, obedientProgram, { generation })));
  return {
    testnet: 'bench',
    system: 'sample',
    lab: 'process',
    quorum: 'none',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 0,
    nodes,
    stateDir: bench.stateDir,
  };
}

function readyHooks(bench: Bench, nodes: readonly TopologyNode[], story: string[]): RollHooks {
  const ready = async (name: string): Promise<void> => {
    const found = nodes.find((node) => node.name === name);
    if (!found) throw new Error(`no node ${name}`);
    await logWith(bench.lab, found, 'ready');
  };
  return {
    before: async (node, { kind }) => void story.push(`${kind} ${node}`),
    after: async (node) => {
      await ready(node);
      story.push(`ready ${node}`);
    },
    afterCreated: async (created) => {
      await Promise.all(created.map(ready));
      story.push(`ready ${created.join(' ')}`);
    },
    isProven: async () => true,
  };
}

test('four real nodes are created, replaced one after the other, and destroyed without a trace', async () => {
  const bench = await processBench();
  const deployer = createDirectDeployer({ lab: bench.lab, clock: systemClock });
  const first = await fleet(bench, 'generation-1');
  const story: string[] = [];
  const hooks = readyHooks(bench, first.nodes, story);
  await deployer.roll({ topology: first, order: [] }, hooks);
  expect(story).toEqual([...names.map((name) => `create ${name}`), `ready ${names.join(' ')}`]);
  const before = await Promise.all(first.nodes.map((node) => bench.lab.observe(node)));
  expect(await deployer.preview(first)).toEqual([]);

  story.length = 0;
  const second = await fleet(bench, 'generation-2');
  const expected = names.map((node) => ({ node, kind: 'replace' as const }));
  await deployer.roll({ topology: second, order: names, expected }, hooks);
  expect(story).toEqual(names.flatMap((name) => [`replace ${name}`, `ready ${name}`]));
  const after = await Promise.all(second.nodes.map((node) => bench.lab.observe(node)));
  expect(after.map(({ identity }) => identity?.generation)).toEqual(names.map(() => 'generation-2'));
  expect(before.map(({ identity }) => isThere(identity?.pid ?? process.pid))).toEqual(names.map(() => false));

  await deployer.destroy({ ...second, nodes: second.nodes.slice(0, 1) });
  expect(after.map(({ identity }) => isThere(identity?.pid ?? process.pid))).toEqual(names.map(() => false));
  expect(existsSync(join(bench.stateDir, 'nodes'))).toBe(false);
  await deployer.destroy(second);
});

test('a node that crashed is launched again before healthy ones are touched', async () => {
  const bench = await processBench();
  const deployer = createDirectDeployer({ lab: bench.lab, clock: systemClock });
  const topology = await fleet(bench, 'generation-1');
  const story: string[] = [];
  const hooks = readyHooks(bench, topology.nodes, story);
  await deployer.roll({ topology, order: [] }, hooks);
  const crashed = topology.nodes[3];
  if (!crashed) throw new Error('the fleet is too small');
  await bench.lab.signal(crashed, 'SIGKILL');
  expect(await deployer.preview(topology)).toEqual([{ node: 'validator-3', kind: 'replace' }]);
  story.length = 0;
  await deployer.roll({ topology: await fleet(bench, 'generation-2'), order: names }, hooks);
  expect(story.filter((line) => line.startsWith('replace'))).toEqual(
    ['validator-3', 'validator-0', 'validator-1', 'validator-2'].map((name) => `replace ${name}`),
  );
});
