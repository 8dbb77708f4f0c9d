import type { GateProfile } from '../../src/gates/profiles.ts';
import { createGateKeeper } from '../../src/gates/gate-keeper.ts';
import type { GateKeeper, GateKeeperOptions } from '../../src/gates/gate-requests.ts';
import type { HttpTransport } from '../../src/gates/probe-client.ts';
import { chainUnderFaults } from './chain-under-faults.ts';
import { createFakeLab, type FakeLab } from '../../src/lab/fake/fake-lab.ts';
import type { FakeScript } from '../../src/lab/fake/fake-world.ts';
import { createVirtualClock, type VirtualClock } from '../../src/lab/fake/virtual-clock.ts';
import type { NodeObservation } from '../../src/lab/lab.ts';
import type { GateCheck, SystemProfile } from '../../src/spec/profile.ts';
import type { Topology, TopologyNode } from '../../src/topology/topology.ts';

/** How a node of the world answers, beyond what the fake lab knows. Everything left out is as a healthy node answers. */
export interface Face {
  /** Status of the liveness probe. Default 200. */
  healthStatus?: number;
  /** Accepts every request and never answers. */
  hangs?: boolean;
  /** The version it claims; null: it claims none. Default: its release's. */
  version?: string | null;
  /** null: it does not say. */
  peers?: number | null;
  height?: number | null;
  catchingUp?: boolean;
  /** /status fails while liveness answers. */
  statusFails?: boolean;
  hash?: string;
  /** It holds another block at this height alone. */
  forkedAt?: number;
  metrics?: string;
}

export interface GateWorld {
  clock: VirtualClock;
  topology: Topology;
  profile: SystemProfile;
  lab: FakeLab;
  transport: HttpTransport;
  faces: Map<string, Face>;
  /** Overrides what the lab sees; may throw. */
  observations: Map<string, () => NodeObservation>;
  node(name: string): TopologyNode;
  /** Makes the node answer differently from now on. */
  show(name: string, face: Face): void;
  /** Stops the node and starts it in another release, as a deployer does. */
  replace(name: string, version: string): Promise<TopologyNode>;
  keeper(options?: Partial<GateKeeperOptions>): GateKeeper;
  /** Lets time pass until the promise has settled. Fails after ten virtual minutes. */
  until<T>(promise: Promise<T>): Promise<T>;
}

export interface GateWorldOptions {
  nodeCount?: number;
  script?: FakeScript;
  checks?: readonly GateCheck[];
  profile?: Partial<SystemProfile>;
  topology?: Partial<Topology>;
}

export const healthyMetrics = '# TYPE requests_total counter\nrequests_total{code="200"} 1000\n';

/** A small chain in memory: the fake lab beneath, answers over a scripted transport above, time only when told. */
export async function gateWorld(options: GateWorldOptions = {}): Promise<GateWorld> {
  const { nodeCount = 4, checks = [] } = options;
  const clock = createVirtualClock({ isAutomatic: false });
  const nodes = Array.from({ length: nodeCount }, (_, index) => worldNode(index, '1.0.0'));
  const topology: Topology = {
    testnet: 'world',
    system: 'scripted',
    lab: 'process',
    quorum: 'bft',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 0,
    nodes,
    stateDir: '/state/world',
    ...options.topology,
  };
  const script: FakeScript = (node, start) => ({ blocksPerSecond: 5, ...options.script?.(node, start) });
  const plain = createFakeLab({ topology, clock, script });
  const observations: GateWorld['observations'] = new Map();
  const lab: FakeLab = {
    ...plain,
    observe: async (node, call) => observations.get(node.name)?.() ?? plain.observe(node, call),
  };
  const faces = new Map<string, Face>();
  const profile = scriptedProfile(checks, options.profile);
  const transport = scriptedTransport({ topology, lab, faces, clock });
  const keepers: GateKeeper[] = [];
  for (const node of nodes) await lab.launch(node);
  for (const node of nodes) lab.world.setHeight(node.name, 100);
  await clock.advance(1000);

  return {
    clock,
    topology,
    profile,
    lab,
    transport,
    faces,
    observations,
    node: (name) => nodeNamed(topology, name),
    show: (name, face) => void faces.set(name, { ...faces.get(name), ...face }),
    async replace(name, version) {
      const old = nodeNamed(topology, name);
      const fresh = worldNode(old.index, version);
      await lab.stop(old);
      await clock.advance(300);
      // The chain went on without the node; what it missed it fetches at once.
      const heights = topology.nodes.flatMap((node) => lab.world.heightOf(node.name) ?? []);
      await lab.launch(fresh);
      lab.world.setHeight(name, Math.max(...heights));
      return fresh;
    },
    keeper(given = {}) {
      const keeper = createGateKeeper({ topology, profile, lab, clock, transport, ...given });
      keepers.push(keeper);
      return keeper;
    },
    async until(promise) {
      let isSettled = false;
      promise.then(
        () => (isSettled = true),
        () => (isSettled = true),
      );
      for (let step = 0; step < 6000 && !isSettled; step++) await clock.advance(100);
      if (!isSettled) throw new Error('ten virtual minutes were not enough');
      return promise;
    },
  };
}

/** Timings of a short gate, for tests that need another window than smoke's. */
export function shortTimings(given: Partial<GateProfile> = {}): GateProfile {
  return {
    name: 'smoke',
    intervalMs: 500,
    windowSlots: 8,
    fullSlots: 8,
    tailSlots: 4,
    settleMs: 1000,
    deadlineMs: 30_000,
    holdSlots: 4,
    isWeak: true,
    ...given,
  };
}

function nodeNamed(topology: Topology, name: string): TopologyNode {
  const node = topology.nodes.find((candidate) => candidate.name === name);
  if (!node) throw new Error(`no node ${name}`);
  return node;
}

export function worldNode(index: number, version: string, flags: TopologyNode['flags'] = {}): TopologyNode {
  const name = `node-${index}`;
  const programPath = `/releases/${version}.mjs`;
  return {
    name,
    role: 'validator',
    index,
    votingPower: 1,
    startOrder: 1,
    release: { version, kind: 'program', digest: digestOf(version), programPath },
    command: ['node', programPath, '--id', name],
    env: {},
    flags,
    files: {},
    secretFiles: {},
    dataDir: `/data/${name}`,
    address: '127.0.0.1',
    bindAddress: '127.0.0.1',
    ports: [{ name: 'http', containerPort: 4000 + index, hostPort: 4000 + index }],
    stop: { signal: 'SIGTERM', graceMs: 1000 },
    limits: {},
    generation: `generation-${version}${Object.entries(flags)
      .map(([flag, value]) => `+${flag}=${value}`)
      .join('')}`,
  };
}

export function digestOf(version: string): string {
  return `sha256:${Buffer.from(version.padEnd(32, '.')).toString('hex')}`;
}

function scriptedProfile(checks: readonly GateCheck[], given: Partial<SystemProfile> = {}): SystemProfile {
  return {
    name: 'scripted',
    title: 'A chain in memory',
    roles: { validator: { defaultCount: 4, votingPower: 1, ports: { http: 4000 }, startOrder: 1 } },
    quorum: 'bft',
    command: () => [],
    runtime: { command: ['node'], image: 'none' },
    stop: { signal: 'SIGTERM', graceMs: 1000 },
    liveness: { port: 'http', path: '/health' },
    probe: async (client) => (await client.getJson('http', '/status')) as Record<string, never>,
    blockAt: async (client, height) => {
      const block = (await client.getJson('http', `/block/${height}`)) as { height: number; hash: string };
      return { height: block.height, hashes: { block: block.hash } };
    },
    metrics: { port: 'http', path: '/metrics' },
    checks,
    progress: { maxStallMs: 2000, maxLag: 3, minPeers: (nodeCount) => nodeCount - 1 },
    ...given,
  };
}

function scriptedTransport({
  topology,
  lab,
  faces,
  clock,
}: Pick<GateWorld, 'topology' | 'lab' | 'faces' | 'clock'>): HttpTransport {
  const chain = chainUnderFaults(topology, lab);
  return async ({ url, timeoutMs, signal }) => {
    chain.settle();
    const { port, pathname } = new URL(url);
    const node = topology.nodes.find(({ ports }) => ports[0]?.hostPort === Number(port));
    if (!node) throw new Error(`nobody listens on ${url}`);
    const { name } = node;
    const face = faces.get(name) ?? {};
    if (!lab.world.isAlive(name)) throw new Error('ECONNREFUSED');
    if (face.hangs || lab.world.nodes.get(name)?.isPaused) return never(clock, timeoutMs, signal);
    const height = face.height === undefined ? lab.world.heightOf(name) : (face.height ?? undefined);
    if (pathname === '/health') return { status: face.healthStatus ?? 200, text: 'ok' };
    if (pathname === '/metrics') return { status: 200, text: face.metrics ?? healthyMetrics };
    if (pathname === '/status') {
      if (face.statusFails) return { status: 500, text: 'broken' };
      const version = face.version === undefined ? lab.world.nodes.get(name)?.definition.release.version : face.version;
      const peers = face.peers === undefined ? chain.peersOf(name) : face.peers;
      const { catchingUp } = face;
      const said = { version: version ?? undefined, height, peers: peers ?? undefined, catchingUp };
      return { status: 200, text: JSON.stringify(said) };
    }
    const asked = Number(pathname.replace('/block/', ''));
    return {
      status: 200,
      text: JSON.stringify({
        height: asked,
        hash: `${face.forkedAt === asked ? 'forked' : (face.hash ?? 'block')}-${asked}`,
      }),
    };
  };
}

async function never(clock: VirtualClock, timeoutMs: number, signal: AbortSignal | undefined): Promise<never> {
  await clock.sleep(timeoutMs, signal);
  throw new Error(`no answer within ${timeoutMs} ms`);
}
