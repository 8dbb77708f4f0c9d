import { hashOf } from '../../../src/core/canonical.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';

export interface SampleOptions {
  testnet: string;
  /** Number that decides on subnet and ports, so that testnets do not collide. */
  slot: number;
  imageId: string;
  stateDir: string;
  /** Version of each node by index. */
  versions: readonly string[];
  /** Operator's file with each node's secret, by index. */
  secretFiles?: readonly string[];
}

/** A container testnet of nodes that only wait for a signal; a node's version is part of its environment. */
export function sampleTestnet(options: SampleOptions): Topology {
  const { testnet, slot, stateDir, versions } = options;
  return {
    testnet,
    system: 'sample',
    lab: 'docker',
    quorum: 'majority',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 1,
    nodes: versions.map((version, index) => sampleNode(options, version, index)),
    network: { name: `${testnet}-net`, subnet: `10.231.${slot}.0/24`, gateway: `10.231.${slot}.1` },
    stateDir,
  };
}

function sampleNode({ slot, imageId, secretFiles }: SampleOptions, version: string, index: number): TopologyNode {
  const env = { VERSION: version };
  const secret = secretFiles?.[index];
  return {
    name: `node-${index}`,
    role: 'node',
    index,
    votingPower: 1,
    startOrder: 1,
    release: { version, kind: 'image', digest: imageId, imageId },
    command: ['/bin/sleep'],
    env,
    flags: {},
    files: { '/config/sample.json': `{"index":${index}}\n` },
    secretFiles: secret === undefined ? {} : { '/secrets/key': secret },
    dataDir: '/data',
    address: `10.231.${slot}.${10 + index}`,
    bindAddress: '127.0.0.1',
    ports: [{ name: 'http', containerPort: 8080, hostPort: 20_000 + slot * 50 + index }],
    stop: { signal: 'SIGTERM', graceMs: 3_000 },
    healthcheck: ['/bin/true'],
    limits: { memoryMb: 64, cpus: 0.5 },
    generation: hashOf({ version, env, imageId }).slice(0, 16),
  };
}
