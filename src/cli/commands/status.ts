import { systemClock } from '../../core/clock.ts';
import { createProbeClient, fetchTransport } from '../../gates/probe-client.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { print, printJson, table } from '../output.ts';
import { openDeployed, type DeployedTestnet } from '../testnet.ts';

interface NodeReport {
  name: string;
  state: string;
  /** Version by the digest of what runs; the node's own claim only where the digest is none of ours. */
  version: string | null;
  digest: string | null;
  height: number | null;
  peers: number | null;
  startedAt: string | null;
  /** Runs what it should, answers its liveness probe and its own status. */
  healthy: boolean;
  detail?: string;
  endpoints: Record<string, string>;
}

/** `seatrial status <testnet>`: one look at every node; always exit 0 when it could look. */
export async function status(name: string, options: { json?: boolean }): Promise<void> {
  const testnet = await openDeployed(name);
  try {
    const nodes = await Promise.all(testnet.topology.nodes.map((node) => lookAt(node, testnet)));
    const { topology } = testnet;
    if (options.json) {
      printJson({ testnet: topology.testnet, lab: topology.lab, system: topology.system, nodes });
      return;
    }
    const rows = nodes.map((node) => [
      node.name,
      node.healthy ? 'healthy' : node.state === 'running' ? 'unhealthy' : node.state,
      node.version ?? '-',
      node.digest?.slice(7, 19) ?? '-',
      node.height?.toString() ?? '-',
      node.peers?.toString() ?? '-',
      node.startedAt ?? '-',
      node.detail ?? node.endpoints.http ?? '',
    ]);
    print(table([['NODE', 'STATE', 'VERSION', 'DIGEST', 'HEIGHT', 'PEERS', 'STARTED', ''], ...rows]));
    if (topology.monitoring) {
      const { ports, images } = topology.monitoring;
      print(`\nPrometheus http://127.0.0.1:${ports.prometheus}  Alertmanager http://127.0.0.1:${ports.alertmanager}`);
      if (images.grafana !== undefined) {
        print(
          `Grafana http://127.0.0.1:${ports.grafana} (admin, password in ${topology.monitoring.grafanaPasswordFile})`,
        );
      }
    }
  } finally {
    await testnet.lab.close();
  }
}

async function lookAt(node: TopologyNode, { lab, profile }: DeployedTestnet): Promise<NodeReport> {
  const client = createProbeClient({
    baseUrl: (port) => lab.endpoint(node, port),
    transport: fetchTransport(systemClock),
  });
  const [observation, liveness, told] = await Promise.all([
    lab.observe(node),
    client.getText(profile.liveness.port, profile.liveness.path).then(
      () => true,
      () => false,
    ),
    profile.probe(client).catch(() => undefined),
  ]);
  const { identity } = observation;
  const isIntended = identity?.digest === node.release.digest || identity?.digest === node.release.imageId;
  return {
    name: node.name,
    state: observation.state,
    version: identity ? (isIntended ? node.release.version : (told?.version ?? null)) : null,
    digest: identity?.digest ?? null,
    height: told?.height ?? null,
    peers: told?.peers ?? null,
    startedAt: identity ? new Date(identity.startedAtMs).toISOString() : null,
    healthy: observation.state === 'running' && isIntended && liveness && told !== undefined,
    ...(observation.detail !== undefined && { detail: observation.detail }),
    endpoints: Object.fromEntries(node.ports.map((port) => [port.name, lab.endpoint(node, port.name)])),
  };
}
