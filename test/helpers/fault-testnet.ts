import type { FaultTestnet } from '../../src/faults/compile-fault.ts';
import type { QuorumRule } from '../../src/spec/profile.ts';
import type { TopologyNode } from '../../src/topology/topology.ts';

interface FaultTestnetOptions {
  /** Voting power by node; nodes are called n0, n1 and so on. */
  powers: readonly number[];
  rule?: QuorumRule;
  mayHalt?: boolean;
  hasMonitoring?: boolean;
}

/** A testnet that exists on paper only, for faults to be worked out on. */
export function faultTestnet({ powers, rule = 'bft', mayHalt, hasMonitoring }: FaultTestnetOptions): FaultTestnet {
  return {
    topology: {
      testnet: 'paper',
      nodes: powers.map(paperNode),
      quorum: rule,
      availability: mayHalt ? 'halt-allowed' : 'keep',
      ...(hasMonitoring
        ? {
            monitoring: {
              scrapeIntervalMs: 1000,
              ports: { prometheus: 9090, alertmanager: 9093, grafana: 3000 },
              addresses: { prometheus: '10.0.0.2', alertmanager: '10.0.0.3', grafana: '10.0.0.4' },
              images: { prometheus: 'sha256:aa', alertmanager: 'sha256:bb', grafana: undefined },
              rules: {},
              alertmanagerConfig: '',
              prometheusConfig: '',
              targets: '',
              dashboards: {},
              grafanaPasswordFile: '',
            },
          }
        : {}),
    },
  };
}

function paperNode(votingPower: number, index: number): TopologyNode {
  const name = `n${index}`;
  return {
    name,
    role: votingPower > 0 ? 'voter' : 'follower',
    index,
    votingPower,
    startOrder: 0,
    release: { version: '1.0.0', kind: 'program', digest: `sha256:${'1'.repeat(64)}` },
    command: ['node'],
    env: {},
    flags: {},
    files: { '/config/node.json': '{}' },
    secretFiles: {},
    dataDir: `/data/${name}`,
    address: `10.0.1.${index + 1}`,
    bindAddress: '127.0.0.1',
    ports: [
      { name: 'p2p', containerPort: 7000, hostPort: 7000 + index },
      { name: 'rpc', containerPort: 8000, hostPort: 8000 + index },
    ],
    stop: { signal: 'SIGTERM', graceMs: 1000 },
    limits: {},
    generation: 'g1',
  };
}
