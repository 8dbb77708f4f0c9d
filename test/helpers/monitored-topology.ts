import { buildMonitoring, type MonitoringInputs } from '../../src/topology/monitoring/build-monitoring.ts';
import type { Topology, TopologyNode } from '../../src/topology/topology.ts';

const image = (digit: string): string => `sha256:${digit.repeat(64)}`;

function node(index: number): TopologyNode {
  const name = `validator-${index}`;
  return {
    name,
    role: 'validator',
    index,
    votingPower: 1,
    startOrder: 1,
    release: { version: '1.0.0', kind: 'program', digest: image('a'), imageId: image('b') },
    command: ['--id', name, '--price', '$5'],
    env: { LOG_LEVEL: 'info' },
    flags: {},
    files: { '/config/genesis.json': '{"chainId":"golden"}\n' },
    secretFiles: { '/secrets/validator.pem': `/project/.seatrial/golden/secrets/${name}/validator.pem` },
    dataDir: '/data',
    address: `10.214.0.${10 + index}`,
    bindAddress: '127.0.0.1',
    // Not in the order of their numbers, as a profile may name them.
    ports: [
      { name: 'p2p', containerPort: 26656, hostPort: 21001 + 2 * index },
      { name: 'http', containerPort: 8080, hostPort: 21000 + 2 * index },
    ],
    stop: { signal: 'SIGTERM', graceMs: 5_000 },
    healthcheck: ['node', '--version'],
    limits: index === 0 ? { memoryMb: 256, cpus: 0.5 } : {},
    generation: `000000000000000${index}`,
  };
}

/** A container testnet of two nodes without monitoring, every value fixed. */
export function containerTopology(): Topology {
  return {
    testnet: 'golden',
    system: 'sample',
    lab: 'docker',
    quorum: 'majority',
    availability: 'keep',
    gate: 'quick',
    loadPerSecond: 10,
    nodes: [node(0), node(1)],
    network: { name: 'golden-net', subnet: '10.214.0.0/24', gateway: '10.214.0.1' },
    stateDir: '/project/.seatrial/golden',
  };
}

/** What the monitoring of that testnet is made from. */
export function monitoringInputs(overrides: Partial<MonitoringInputs> = {}): MonitoringInputs {
  const { testnet, nodes, stateDir } = containerTopology();
  return {
    testnet,
    nodes,
    profile: {
      name: 'sample',
      title: 'Sample system',
      metrics: { port: 'http', path: '/metrics' },
      alertRules:
        'groups:\n  - name: sample\n    rules:\n      - alert: SampleStalled\n        expr: sample_height == 0\n',
      panels: [{ title: 'Height', unit: 'none', query: 'sample_height{testnet="$testnet"}', legend: '{{node}}' }],
    },
    ports: { prometheus: 22000, alertmanager: 22001, grafana: 22002 },
    addresses: { prometheus: '10.214.0.20', alertmanager: '10.214.0.21', grafana: '10.214.0.22' },
    images: { prometheus: image('c'), alertmanager: image('d'), grafana: image('e') },
    scrapeIntervalMs: 1_000,
    user: { rules: [], dashboards: [] },
    grafanaPasswordFile: `${stateDir}/secrets/grafana/password`,
    ...overrides,
  };
}

/** The same testnet with its monitoring. */
export function monitoredTopology(overrides: Partial<MonitoringInputs> = {}): Topology {
  return { ...containerTopology(), monitoring: buildMonitoring(monitoringInputs(overrides)) };
}
