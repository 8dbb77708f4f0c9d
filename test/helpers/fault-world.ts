import { compileFault, type FaultTestnet } from '../../src/faults/compile-fault.ts';
import type { CompiledFault } from '../../src/faults/compiled-fault.ts';
import type { FaultEvent } from '../../src/faults/fault-events.ts';
import type { FaultKind } from '../../src/faults/fault-spec.ts';
import type { FaultSetting } from '../../src/faults/live-fault.ts';
import { parseFault } from '../../src/faults/parse-fault.ts';
import { createFakeLab, type FakeLab } from '../../src/lab/fake/fake-lab.ts';
import { createVirtualClock, type VirtualClock } from '../../src/lab/fake/virtual-clock.ts';
import { bareNode } from '../../src/topology/bare-node.ts';
import type { TopologyNode } from '../../src/topology/topology.ts';
import { faultTestnet } from './fault-testnet.ts';

export interface FaultWorld {
  lab: FakeLab;
  clock: VirtualClock;
  testnet: FaultTestnet;
  nodes: TopologyNode[];
  events: FaultEvent[];
  /** `set` as typed; held for a minute unless told otherwise, or over at once. */
  compile(kind: FaultKind, targets: string, set?: string[], id?: string, duration?: string): CompiledFault;
  setting(fault: CompiledFault, more?: Partial<FaultSetting>): FaultSetting;
}

/** Four voters, n0 to n3, that run on the fake lab, and their monitoring; all nodes can be reached by clients. */
export async function faultWorld(): Promise<FaultWorld> {
  const clock = createVirtualClock();
  const testnet = faultTestnet({ powers: [1, 1, 1, 1], mayHalt: true, hasMonitoring: true });
  const { nodes } = testnet.topology;
  const lab = createFakeLab({ topology: testnet.topology, clock });
  for (const node of [...nodes, bareNode('prometheus'), bareNode('alertmanager')]) await lab.launch(node);
  const events: FaultEvent[] = [];
  const isUp = ({ name }: TopologyNode): boolean =>
    lab.world.isAlive(name) && lab.world.nodes.get(name)?.isPaused !== true;
  const passes = (from: string, to: string): boolean => lab.world.faults.passes(from, to);
  return {
    lab,
    clock,
    testnet,
    nodes,
    events,
    compile: (kind, targets, set = [], id = 'f1', duration = '60s') =>
      compileFault(parseFault({ kind, targets, set, for: kind === 'restart' ? undefined : duration }), testnet, id),
    setting: (fault, more = {}) => ({
      fault,
      lab,
      nodes,
      clock,
      probes: {
        isAlive: async (node) => isUp(node),
        clientReaches: async (node) => isUp(node) && passes('clients', node.name) && passes(node.name, 'clients'),
      },
      record: async (event) => void events.push(event),
      ...more,
    }),
  };
}
