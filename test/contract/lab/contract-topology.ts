import type { ResolvedRelease, Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { contractNodes, LINES_AT_START, STUBBORN_GRACE_MS } from './lab-contract.ts';

export interface ContractTopologyOptions {
  testnet: string;
  lab: Topology['lab'];
  release: ResolvedRelease;
  stateDir: string;
  /** Whatever stands before the sample program's own arguments in a node's command; empty on container labs. */
  program: readonly string[];
  /** Where a node keeps its data, as itself sees it. */
  dataDir(node: string): string;
  /** What a node listens on. */
  listenAddress: string;
  /** A free port of the operator's machine for each node. */
  hostPort(node: string): number;
  /** The port inside the container; default: the host port. */
  containerPort?: number;
}

/** The topology that the lab contract runs on: four nodes of the sample program. */
export function contractTopology(options: ContractTopologyOptions): Topology {
  const { testnet, lab, release, stateDir } = options;
  const nodes = Object.values(contractNodes).map((name, index): TopologyNode => {
    const hostPort = options.hostPort(name);
    const containerPort = options.containerPort ?? hostPort;
    const own = name === contractNodes.stubborn ? ['--ignore-sigterm'] : [];
    const listen = ['--listen', `${options.listenAddress}:${containerPort}`];
    return {
      name,
      role: 'sample',
      index,
      votingPower: 1,
      startOrder: 0,
      release,
      command: [
        ...options.program,
        ...own,
        '--lines',
        String(LINES_AT_START),
        ...listen,
        '--data',
        options.dataDir(name),
      ],
      env: {},
      flags: {},
      files: {},
      secretFiles: {},
      dataDir: options.dataDir(name),
      address: '127.0.0.1',
      bindAddress: '127.0.0.1',
      ports: [{ name: 'http', containerPort, hostPort }],
      stop: { signal: 'SIGTERM', graceMs: name === contractNodes.stubborn ? STUBBORN_GRACE_MS : 10_000 },
      limits: {},
      generation: `00000000000000a${index}`,
    };
  });
  return {
    testnet,
    system: 'sample',
    lab,
    quorum: 'none',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 0,
    nodes,
    stateDir,
  };
}
