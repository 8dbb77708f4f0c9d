import { systemClock } from '../core/clock.ts';
import { isErrno } from '../core/files.ts';
import { httpTransport } from '../gates/http-transport.ts';
import { createProbeClient, type HttpTransport } from '../gates/probe-client.ts';
import { createAttachedLab, type ForeignAnswer } from '../lab/attached/attached-lab.ts';
import type { CallOptions } from '../lab/lab.ts';
import { loadProfile } from '../spec/load-profile.ts';
import type { ProbeClient, SystemProfile } from '../spec/profile.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import type { Deployer } from '../engine/deployer.ts';
import type { LabAccess } from './lab-access.ts';

const defaultTimeoutMs = 2_000;
/** In the Prometheus text format; every client library exposes it. */
const startTime = /^process_start_time_seconds(?:\{[^}]*\})? (\S+)/m;

/** Nodes that others started, asked as the system's profile asks them. */
export async function accessAttached(root: string, topology: Topology): Promise<LabAccess> {
  const profile = await loadProfile(root, topology.system);
  const transport = httpTransport(systemClock);
  const lab = createAttachedLab({ topology, ask: (node, options) => ask(node, options, profile, transport) });
  return { lab, deployer: () => Promise.resolve(nothingToDeploy) };
}

/** Its nodes are made and removed by others. Plans that would change any were refused. */
const nothingToDeploy: Deployer = {
  preview: () => Promise.resolve([]),
  roll: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};

async function ask(
  node: TopologyNode,
  { signal, timeoutMs = defaultTimeoutMs }: CallOptions,
  profile: SystemProfile,
  transport: HttpTransport,
): Promise<ForeignAnswer> {
  const client = attachedClient(node, transport, { signal, timeoutMs });
  const { liveness, metrics } = profile;
  const alive = await client.getText(liveness.port, liveness.path).then(
    () => 'answers' as const,
    (error: unknown) => {
      if (isRefused(error)) return 'refused' as const;
      // An answer that says no is one all the same.
      if (error instanceof Error && / answered \d{3}$/.test(error.message)) return 'answers' as const;
      throw error;
    },
  );
  if (alive === 'refused') return { isThere: false, toldStatus: false };
  const [status, page] = await Promise.all([
    profile.probe(client).catch(() => undefined),
    metrics ? client.getText(metrics.port, metrics.path).catch(() => '') : '',
  ]);
  const seconds = Number(startTime.exec(page)?.[1]);
  return {
    isThere: true,
    toldStatus: status !== undefined,
    ...(status?.version !== undefined && { version: status.version }),
    ...(Number.isFinite(seconds) && { startedAtMs: Math.round(seconds * 1000) }),
  };
}

/** How a node that is not ours is asked. */
export function attachedClient(
  node: TopologyNode,
  transport: HttpTransport = httpTransport(systemClock),
  { signal, timeoutMs = defaultTimeoutMs }: CallOptions = {},
): ProbeClient {
  const baseUrl = (port: string): string => {
    const url = node.endpoints?.[port];
    if (url === undefined) throw new Error(`${node.name} has no endpoint for ${port}`);
    return url;
  };
  return createProbeClient({ baseUrl, transport, timeoutMs, signal });
}

function isRefused(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isErrno(cause, 'ECONNREFUSED')) return true;
  }
  return false;
}
