import type { FeatureToggle } from '../../src/spec/profile.ts';
import type { GateWorldOptions } from './gate-world.ts';
import { runWorld, type RunWorld } from './run-world.ts';

/** How the feature `boost` works on the nodes of the world. */
export interface ToggleWorldOptions extends GateWorldOptions {
  /** The switch is taken and shows nowhere. */
  hasNoEffect?: boolean;
  /** A node that has the feature fails a third of its requests. */
  misbehaves?: boolean;
}

export interface ToggleWorld extends RunWorld {
  /** Whether a node has the feature now: by its flag, or by a lease whose time is not over. */
  isOn(node: string): boolean;
  /** How often a lease was set and cleared, by the nodes themselves. */
  switched: string[];
}

/** Requests that every node counts in a second. */
const requestsPerSecond = 50;

/** A network in memory whose nodes have a feature that can be switched for a time; they end it by themselves. */
export async function toggleWorld(options: ToggleWorldOptions = {}): Promise<ToggleWorld> {
  const { hasNoEffect = false, misbehaves = false } = options;
  const leases = new Map<string, { leaseId: string; on: boolean; untilMs: number }>();
  const counters = new Map<string, { atMs: number; good: number; bad: number }>();
  const switched: string[] = [];
  const toggle: FeatureToggle = {
    title: 'Boost',
    flag: { name: 'boost', on: true, off: false },
    switch: (_node, { leaseId, on, ttlMs }) => ['switch', leaseId, String(on), String(ttlMs)],
    clear: () => ['clear'],
    lease: async (client) =>
      ((await client.getJson('http', '/lease')) as { lease?: { leaseId: string; on: boolean; remainingMs: number } })
        .lease,
    proof: async (client, { node, from, to }) =>
      (await client.getJson('http', `/proof/${node}/${from}/${to}`)) as { blocks: number; proven: number },
    harm: [
      {
        name: 'errors',
        bad: { metric: 'requests_total', labels: { code: '500' } },
        total: { metric: 'requests_total' },
      },
    ],
  };
  const world = await runWorld({ ...options, profile: { toggles: { boost: toggle }, ...options.profile } });
  const { clock, lab, topology } = world;
  const leaseOf = (node: string): { leaseId: string; on: boolean; remainingMs: number } | undefined => {
    const lease = leases.get(node);
    if (!lease || lease.untilMs <= clock.wallMs()) return undefined;
    return { leaseId: lease.leaseId, on: lease.on, remainingMs: lease.untilMs - clock.wallMs() };
  };
  const isOn = (node: string): boolean =>
    leaseOf(node)?.on ?? lab.world.nodes.get(node)?.definition.flags['boost'] === true;

  const metricsOf = (node: string): string => {
    const nowMs = clock.wallMs();
    const counter = counters.get(node) ?? { atMs: nowMs, good: 1000, bad: 0 };
    const events = ((nowMs - counter.atMs) / 1000) * requestsPerSecond;
    const badShare = misbehaves && isOn(node) ? 1 / 3 : 0.02;
    const next = { atMs: nowMs, good: counter.good + events * (1 - badShare), bad: counter.bad + events * badShare };
    counters.set(node, next);
    return [
      '# TYPE requests_total counter',
      `requests_total{code="200"} ${Math.round(next.good)}`,
      `requests_total{code="500"} ${Math.round(next.bad)}`,
      '',
    ].join('\n');
  };

  const transport: RunWorld['transport'] = async (request) => {
    const { port, pathname } = new URL(request.url);
    const node = topology.nodes.find(({ ports }) => ports[0]?.hostPort === Number(port))?.name ?? '';
    const answer = await world.transport(request);
    if (pathname === '/metrics') return { status: 200, text: metricsOf(node) };
    if (pathname === '/lease') return { status: 200, text: JSON.stringify({ lease: leaseOf(node) }) };
    const [, kind, about = '', from = '0', to = '0'] = pathname.split('/');
    if (kind !== 'proof') return answer;
    const blocks = Number(to) - Number(from);
    return { status: 200, text: JSON.stringify({ blocks, proven: isOn(about) && !hasNoEffect ? blocks : 0 }) };
  };

  const withToggle = (plain: RunWorld['lab']): RunWorld['lab'] => ({
    ...plain,
    exec: async (node, command) => {
      const [what, leaseId = '', on, ttlMs] = command;
      if (!lab.world.isAlive(node.name)) return { exitCode: 1, stdout: '', stderr: 'the node is not there' };
      if (what === 'clear') leases.delete(node.name);
      else leases.set(node.name, { leaseId, on: on === 'true', untilMs: clock.wallMs() + Number(ttlMs) });
      switched.push(`${what} ${node.name}${what === 'switch' ? ` ${on}` : ''}`);
      return { exitCode: 0, stdout: '', stderr: '' };
    },
  });

  return {
    ...world,
    isOn,
    switched,
    async inputs(given = {}) {
      const wrap = given.lab ?? ((plain: RunWorld['lab']): RunWorld['lab'] => plain);
      const inputs = await world.inputs({ ...given, lab: (plain) => wrap(withToggle(plain)) });
      return { ...inputs, transport };
    },
    async resumed(cut) {
      const inputs = await world.resumed(cut);
      return { ...inputs, transport, lab: withToggle(inputs.lab as RunWorld['lab']) };
    },
  };
}
