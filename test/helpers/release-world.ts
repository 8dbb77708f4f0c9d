import type { GateWorldOptions } from './gate-world.ts';
import { runWorld, type RunWorld } from './run-world.ts';

export interface ReleaseWorldOptions extends GateWorldOptions {
  /** Share of requests that a node of this version fails, now and then. Default: one in a thousand. */
  badShare?: (version: string, node: string) => number;
  /** Whether a node takes a transaction now. Default: always. */
  takes?: (atMs: number, sequence: number) => boolean;
}

/** Requests that each node counts in a second. */
const requestsPerSecond = 20;

/** A network in memory whose nodes count requests and take transactions, each as well as its release does. */
export async function releaseWorld(options: ReleaseWorldOptions = {}): Promise<RunWorld> {
  const { badShare = () => 0.001, takes = () => true, ...rest } = options;
  const counters = new Map<string, { atMs: number; good: number; bad: number }>();
  const world = await runWorld({
    ...rest,
    checks: [
      {
        name: 'errors',
        source: 'direct',
        condition: {
          kind: 'ratio',
          bad: { metric: 'requests_total', labels: { code: '500' } },
          total: { metric: 'requests_total' },
          max: 0.2,
        },
      },
    ],
    profile: {
      submit: async (client, { sequence }) => {
        const { height } = (await client.getJson('http', `/submit/${sequence}`)) as { height?: number };
        return height === undefined
          ? { outcome: 'rejected', reason: 'the node is busy' }
          : { outcome: 'acknowledged', id: `transaction-${sequence}`, height };
      },
      ...rest.profile,
    },
  });
  const { clock, lab, topology } = world;
  const metricsOf = (node: string): string => {
    const nowMs = clock.wallMs();
    const counter = counters.get(node) ?? { atMs: nowMs, good: 1000, bad: 0 };
    const events = ((nowMs - counter.atMs) / 1000) * requestsPerSecond;
    const bad = events * badShare(lab.world.nodes.get(node)?.definition.release.version ?? '', node);
    counters.set(node, { atMs: nowMs, good: counter.good + events - bad, bad: counter.bad + bad });
    const { good, bad: failed } = counters.get(node) ?? counter;
    return [
      '# TYPE requests_total counter',
      `requests_total{code="200"} ${Math.floor(good)}`,
      `requests_total{code="500"} ${Math.floor(failed)}`,
      '',
    ].join('\n');
  };
  const transport: RunWorld['transport'] = async (request) => {
    const { port, pathname } = new URL(request.url);
    const answer = await world.transport(request);
    const node = topology.nodes.find(({ ports }) => ports[0]?.hostPort === Number(port))?.name ?? '';
    if (pathname === '/metrics') return { status: 200, text: metricsOf(node) };
    if (!pathname.startsWith('/submit/')) return answer;
    const isTaken = takes(clock.wallMs(), Number(pathname.slice('/submit/'.length)));
    return { status: 200, text: JSON.stringify(isTaken ? { height: lab.world.heightOf(node) } : {}) };
  };
  return {
    ...world,
    transport,
    inputs: async (given) => ({ ...(await world.inputs(given)), transport }),
    resumed: async (cut) => ({ ...(await world.resumed(cut)), transport }),
  };
}
