import { createFakeLab } from '../../../src/lab/fake/fake-lab.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import type { TopologyNode } from '../../../src/topology/topology.ts';
import { contractTopology } from './contract-topology.ts';
import { faultsContract } from './faults-contract.ts';

const missing = 'the kernel of this world has no such thing';

describeFake('fake', []);
describeFake('fake that lacks some', ['dns', 'memory', 'monitoring-gone']);

function describeFake(name: string, lacks: ('dns' | 'memory' | 'monitoring-gone')[]): void {
  faultsContract(name, async () => {
    const clock = createVirtualClock();
    const topology = contractTopology({
      testnet: 'contract',
      lab: 'process',
      release: { version: '1.0.0', kind: 'program', digest: `sha256:${'5'.repeat(64)}` },
      stateDir: '',
      program: ['sample'],
      dataDir: (node) => `/data/${node}`,
      listenAddress: '127.0.0.1',
      hostPort: () => 4600,
    });
    const lab = createFakeLab({ topology, clock });
    for (const kind of lacks) lab.world.faults.missing.set(kind, missing);
    for (const node of topology.nodes) await lab.launch(node);
    const [first] = topology.nodes as [TopologyNode];
    return {
      lab,
      nodes: topology.nodes,
      clock,
      configPath: '/config/sample.json',
      monitoring: { ...first, name: 'prometheus' },
      dispose: async () => undefined,
    };
  });
}
