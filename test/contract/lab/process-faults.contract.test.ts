import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../../src/core/canonical.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import { createProcessLab } from '../../../src/lab/process/process-lab.ts';
import { linksOf } from '../../../src/topology/links.ts';
import type { TopologyNode } from '../../../src/topology/topology.ts';
import { freePort } from '../../helpers/free-port.ts';
import { contractTopology } from './contract-topology.ts';
import { faultsContract } from './faults-contract.ts';

const program = fileURLToPath(new URL('../../fixtures/sample-node/sample-node.mjs', import.meta.url));

faultsContract('process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'seatrial-faults-'));
  const stateDir = join(folder, 'contract');
  const whole = contractTopology({
    testnet: 'contract',
    lab: 'process',
    release: {
      version: '1.0.0',
      kind: 'program',
      digest: `sha256:${sha256(readFileSync(program))}`,
      programPath: program,
    },
    stateDir,
    program: [process.execPath, program],
    dataDir: (node) => join(stateDir, 'nodes', node, 'data'),
    listenAddress: '127.0.0.1',
    // Not used: the nodes get ports below.
    hostPort: () => 0,
  });
  const nodes: TopologyNode[] = [];
  for (const node of whole.nodes.slice(0, 3)) {
    const port = await freePort();
    nodes.push({
      ...node,
      command: node.command.map((part) => (part === '127.0.0.1:0' ? `127.0.0.1:${port}` : part)),
      ports: [{ name: 'http', containerPort: port, hostPort: port }],
      links: linksOf(node, whole.nodes.slice(0, 3)),
      files: { [join(stateDir, 'nodes', node.name, 'config', 'sample.json')]: '{"sample":true}\n' },
    });
  }
  const topology = { ...whole, nodes };
  const lab = createProcessLab({ topology, clock: systemClock });
  for (const node of nodes) await lab.launch(node);
  return {
    lab,
    nodes,
    clock: systemClock,
    configPath: Object.keys(nodes[0]?.files ?? {})[0] ?? '',
    dispose: async () => {
      await createDirectDeployer({ lab, clock: systemClock }).destroy(topology);
      await rm(folder, { recursive: true });
    },
  };
});
