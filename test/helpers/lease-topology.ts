import type { Topology } from '../../src/topology/topology.ts';

/** A container testnet of which only the image matters. */
export function leaseTopology(testnet: string, imageId: string): Topology {
  return {
    testnet,
    system: 'sample',
    lab: 'docker',
    quorum: 'none',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 0,
    nodes: [
      {
        name: 'node-0',
        role: 'node',
        index: 0,
        votingPower: 1,
        startOrder: 0,
        release: { version: '1.0.0', kind: 'image', digest: imageId, imageId },
        command: [],
        env: {},
        flags: {},
        files: {},
        secretFiles: {},
        dataDir: '/data',
        address: '127.0.0.1',
        bindAddress: '127.0.0.1',
        ports: [],
        stop: { signal: 'SIGTERM', graceMs: 1000 },
        limits: {},
        generation: '0000000000000000',
      },
    ],
    stateDir: '',
  };
}
