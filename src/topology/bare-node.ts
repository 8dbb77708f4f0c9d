import type { TopologyNode } from './topology.ts';

/**
 * Stands for something that a lab is to find by its name alone: a container of the monitoring, or a node that is no longer defined. Of its
 * definition a lab uses no more than the stop rule, and that only where its own record of the node is lost.
 */
export function bareNode(name: string): TopologyNode {
  return {
    name,
    role: '',
    index: -1,
    votingPower: 0,
    startOrder: 0,
    release: { version: '', kind: 'program', digest: '' },
    command: [],
    env: {},
    flags: {},
    files: {},
    secretFiles: {},
    dataDir: '',
    address: '',
    bindAddress: '127.0.0.1',
    ports: [],
    stop: { signal: 'SIGTERM', graceMs: 10_000 },
    limits: {},
    generation: '',
  };
}
