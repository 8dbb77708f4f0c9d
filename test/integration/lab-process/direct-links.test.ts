import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import { compileFault } from '../../../src/faults/compile-fault.ts';
import type { FaultEvent } from '../../../src/faults/fault-events.ts';
import type { FaultKind } from '../../../src/faults/fault-spec.ts';
import type { FaultSetting } from '../../../src/faults/live-fault.ts';
import { linksOf } from '../../../src/topology/links.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { runFault } from '../../helpers/held-fault.ts';
import { processBench } from './sample-nodes.ts';

// Writes no file, so that a full disk does not end it.
const quietProgram = `setInterval(() => {}, 1000);`;

interface FaultBench {
  nodes: TopologyNode[];
  setting(kind: FaultKind, parameters?: Record<string, string>): FaultSetting;
  events: FaultEvent[];
}

/** Three nodes that run; the first `linked` of them reach each other over links. */
async function faultBench(linked: number): Promise<FaultBench> {
  const bench = await processBench();
  const { lab, stateDir } = bench;
  const named = [0, 1, 2].map((index) => ({ index, name: `n${index}` }));
  const nodes: TopologyNode[] = [];
  for (const one of named) {
    const files = { [join(stateDir, 'nodes', one.name, 'config', 'node.json')]: '{"is":"right"}' };
    const links = one.index < linked ? { links: linksOf(one, named) } : {};
    nodes.push(await bench.node(one.name, quietProgram, { index: one.index, files, ...links }));
  }
  const topology = { testnet: 'bench', quorum: 'none', availability: 'halt-allowed', nodes, stateDir } as Topology;
  onTestFinished(() => createDirectDeployer({ lab, clock: systemClock }).destroy(topology));
  for (const node of nodes) await lab.launch(node);
  const events: FaultEvent[] = [];
  return {
    nodes,
    events,
    setting: (kind, parameters = {}) => ({
      fault: compileFault({ kind, targets: ['n0'], parameters, durationMs: 500 }, { topology }, 'f1'),
      lab,
      nodes,
      clock: systemClock,
      probes: { isAlive: async (node, options) => (await lab.observe(node, options)).state === 'running' },
      record: async (event) => void events.push(event),
    }),
  };
}

test.each<[FaultKind, Record<string, string>]>([
  ['kill', {}],
  ['pause', {}],
  ['cpu', { share: '0.5' }],
  ['disk-full', {}],
  ['config', {}],
])('%s is shown and healed where nodes reach each other directly', async (kind, parameters) => {
  const { setting, events } = await faultBench(0);
  expect(await runFault(setting(kind, parameters))).toMatchObject({ outcome: 'verified' });
  expect(events.at(-1)).toMatchObject({ type: 'fault.heal-verified', pairs: [] });
});

test('pairs with links are looked at though others have none', async () => {
  const { setting, events } = await faultBench(2);
  expect(await runFault(setting('pause'))).toMatchObject({ outcome: 'verified' });
  const healed = events.at(-1);
  if (healed?.type !== 'fault.heal-verified') throw new Error(`not ${healed?.type}`);
  expect(healed.pairs.map(({ from, to }) => `${from} ${to}`)).toEqual(['n0 n1', 'n1 n0']);
});
