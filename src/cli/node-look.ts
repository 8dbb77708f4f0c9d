import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { readKnownReleases, versionOfDigest, type KnownReleases } from '../engine/known-releases.ts';
import { httpTransport } from '../gates/http-transport.ts';
import { createProbeClient } from '../gates/probe-client.ts';
import type { HttpTransport } from '../gates/probe-client.ts';
import { claimedVersion } from '../topology/claimed.ts';
import type { TopologyNode } from '../topology/topology.ts';
import type { DeployedTestnet } from './testnet.ts';

/** What one look at a node tells. */
export interface NodeLook {
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

/** Looks once at every node, all at the same time. A node that does not answer is told, never an error. */
export async function lookAtNodes(
  testnet: DeployedTestnet,
  transport: HttpTransport = httpTransport(systemClock),
): Promise<NodeLook[]> {
  const { topology, profile } = testnet;
  const known = await readKnownReleases(topology.stateDir);
  const looks = await Promise.all(topology.nodes.map((node) => lookAt(node, testnet, known, transport)));
  return markLagging(looks, profile.progress?.maxLag);
}

async function lookAt(
  node: TopologyNode,
  { lab, profile }: DeployedTestnet,
  known: KnownReleases,
  transport: HttpTransport,
): Promise<NodeLook> {
  const client = createProbeClient({
    baseUrl: (port) => lab.endpoint(node, port),
    transport,
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
    // What a node only claims is no digest.
    digest: identity && claimedVersion(identity.digest) === undefined ? identity.digest : null,
    height: told?.height ?? null,
    peers: told?.peers ?? null,
    startedAt: identity && identity.startedAtMs > 0 ? new Date(identity.startedAtMs).toISOString() : null,
    healthy: state === 'running' && liveness === undefined && told !== undefined,
    ...(detail !== undefined && { detail }),
    endpoints: Object.fromEntries(node.ports.map((port) => [port.name, lab.endpoint(node, port.name)])),
  };
}

/** A node that answers everything and has stopped following the chain is not healthy. */
function markLagging(nodes: NodeLook[], maxLag: number | undefined): NodeLook[] {
  const highest = Math.max(...nodes.map((node) => node.height ?? 0));
  return nodes.map((node) => {
    const behind = highest - (node.height ?? highest);
    if (maxLag === undefined || behind <= maxLag) return node;
    return { ...node, healthy: false, detail: node.detail ?? `${behind} blocks behind` };
  });
}
