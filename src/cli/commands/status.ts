import { systemClock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { readKnownReleases, versionOfDigest, type KnownReleases } from '../../engine/known-releases.ts';
import { httpTransport } from '../../gates/http-transport.ts';
import { createProbeClient } from '../../gates/probe-client.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { print, printJson, table } from '../output.ts';
import { openDeployed, type DeployedTestnet } from '../testnet.ts';

interface NodeReport {
  name: string;
  state: string;
  /** Release by the digest of what runs; null when nothing runs, or something that is none of the testnet's releases. */
  version: string | null;
  /** What it is to run, where that is something else. */
  intended?: string;
  digest: string | null;
  height: number | null;
  peers: number | null;
  startedAt: string | null;
  /** Runs, answers its liveness probe and its own status, and is not behind the others. */
  healthy: boolean;
  detail?: string;
  endpoints: Record<string, string>;
}

/** `seatrial status <testnet>`: one look at every node; always exit 0 when it could look. */
export async function status(name: string, options: { json?: boolean }): Promise<void> {
  const testnet = await openDeployed(name);
  try {
    const known = await readKnownReleases(testnet.topology.stateDir);
    const looks = await Promise.all(testnet.topology.nodes.map((node) => lookAt(node, testnet, known)));
    const nodes = markLagging(looks, testnet.profile.progress?.maxLag);
    const { topology } = testnet;
    if (options.json) {
      printJson({ testnet: topology.testnet, lab: topology.lab, system: topology.system, nodes });
      return;
    }
    const rows = nodes.map((node) => [
      node.name,
      node.healthy ? 'healthy' : node.state === 'running' ? 'unhealthy' : node.state,
      `${node.version ?? '-'}${node.intended !== undefined && node.intended !== node.version ? ` (is to be ${node.intended})` : ''}`,
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

async function lookAt(
  node: TopologyNode,
  { lab, profile }: DeployedTestnet,
  known: KnownReleases,
): Promise<NodeReport> {
  const client = createProbeClient({
    baseUrl: (port) => lab.endpoint(node, port),
    transport: httpTransport(systemClock),
  });
  const [observation, liveness, told] = await Promise.all([
    lab.observe(node),
    client.getText(profile.liveness.port, profile.liveness.path).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    ),
    profile.probe(client).catch(() => undefined),
  ]);
  const { identity, state } = observation;
  const wanted = node.release.version;
  const version = identity && versionOfDigest(known, identity.digest, wanted);
  const isIntended = version === wanted && identity?.generation === node.generation;
  const detail = observation.detail ?? (state === 'running' ? liveness : undefined);
  return {
    name: node.name,
    state,
    version: version ?? null,
    ...(!isIntended && { intended: wanted }),
    digest: identity?.digest ?? null,
    height: told?.height ?? null,
    peers: told?.peers ?? null,
    startedAt: identity ? new Date(identity.startedAtMs).toISOString() : null,
    healthy: state === 'running' && liveness === undefined && told !== undefined,
    ...(detail !== undefined && { detail }),
    endpoints: Object.fromEntries(node.ports.map((port) => [port.name, lab.endpoint(node, port.name)])),
  };
}

/** A node that answers everything and has stopped following the chain is not healthy. */
function markLagging(nodes: NodeReport[], maxLag: number | undefined): NodeReport[] {
  const highest = Math.max(...nodes.map((node) => node.height ?? 0));
  return nodes.map((node) => {
    const behind = highest - (node.height ?? highest);
    if (maxLag === undefined || behind <= maxLag) return node;
    return { ...node, healthy: false, detail: node.detail ?? `${behind} blocks behind` };
  });
}
