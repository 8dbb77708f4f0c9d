import type { Clock } from '../core/clock.ts';
import type { Lab } from '../lab/lab.ts';
import type { GateCheck, ProbeClient, SystemProfile } from '../spec/profile.ts';
import type { TopologyNode } from '../topology/topology.ts';
import { createBlockComparer } from './block-comparer.ts';
import { jsonReader } from './json-values.ts';
import { logCounter } from './log-counter.ts';
import { selectorsOf } from './metric-selector.ts';
import { createProbeClient, type HttpTransport } from './probe-client.ts';
import { parsePrometheusText } from './prometheus-text.ts';
import type { Answer, NodeReading, SlotReading } from './readings.ts';
import { slotDeadline, type SlotDeadline } from './slot-deadline.ts';
import { processStartMetric } from './stored-series.ts';

export interface SlotRequest {
  slot: number;
  atMs: number;
  monoMs: number;
  nodes: readonly TopologyNode[];
  /** Nodes whose blocks are compared with the others', and whose logs are read. */
  focus: ReadonlySet<string>;
  leftOut: readonly string[];
  /** Everything that has not answered by then is an error. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** Reads one slot of all nodes. Never rejects: what could not be read is part of the reading. */
export type SlotSource = (request: SlotRequest) => Promise<SlotReading>;

export interface DirectSourceOptions {
  profile: SystemProfile;
  lab: Lab;
  clock: Clock;
  transport: HttpTransport;
}

const callTimeoutMs = 1000;

/** Asks every node itself, all at once: what runs, liveness, the node's own view, metrics, and then equal heights' blocks. */
export function directSource({ profile, lab, clock, transport }: DirectSourceOptions): SlotSource {
  const wanted = wantedMetrics(profile.checks);
  const compareBlocks = createBlockComparer(profile);
  const readJson = jsonReader(profile.checks);
  const countLog = profile.logErrors && logCounter(lab, profile.logErrors.matches);

  return async (request) => {
    const timeoutMs = Math.min(callTimeoutMs, request.timeoutMs);
    const deadline = slotDeadline(clock, request.timeoutMs, request.signal);
    // Blocks can only be asked for once the heights are known; slow nodes must not use up the time for that.
    const statusDeadline = slotDeadline(clock, request.timeoutMs * 0.6, deadline.signal);
    try {
      const clients = new Map(request.nodes.map((node) => [node.name, clientOf(node, timeoutMs, deadline)]));
      const statuses: Record<string, NodeReading['status']> = {};
      const askStatus = async (node: TopologyNode): Promise<NodeReading['status']> => {
        const client = clientFor(clients, node.name);
        return (statuses[node.name] = await deadline.answer(() => profile.probe(client)));
      };
      const asked = request.nodes.map((node) => ({ node, status: askStatus(node) }));
      const nodes = Promise.all(
        asked.map(async ({ node, status }): Promise<[string, NodeReading]> => {
          const client = clientFor(clients, node.name);
          return [node.name, await readNode(node, client, status, deadline, { ...request, timeoutMs })];
        }),
      );
      await statusDeadline.answer(() => Promise.all(asked.map(({ status }) => status)));
      const blocks = await compareBlocks({
        heights: heightsOf(statuses),
        focus: request.focus,
        ask: (node, height) => deadline.answer(async () => profile.blockAt?.(clientFor(clients, node), height)),
      });
      return {
        slot: request.slot,
        atMs: request.atMs,
        monoMs: request.monoMs,
        leftOut: [...request.leftOut],
        nodes: Object.fromEntries(await nodes),
        ...(blocks.length > 0 ? { blocks } : {}),
      };
    } finally {
      statusDeadline.end();
      deadline.end();
    }
  };

  async function readNode(
    node: TopologyNode,
    client: ProbeClient,
    asked: Promise<NodeReading['status']>,
    deadline: SlotDeadline,
    { timeoutMs, atMs, focus }: Pick<SlotRequest, 'timeoutMs' | 'atMs' | 'focus'>,
  ): Promise<NodeReading> {
    const metricsAt = wanted.size > 0 ? profile.metrics : undefined;
    const askedMs = clock.monotonicMs();
    const askLiveness = async (): Promise<NodeReading['liveness']> => {
      const { port, path } = profile.liveness;
      const answer = await deadline.answer(() => client.getText(port, path));
      // Refusals come at once; a timer may be a moment early.
      if (!answer.ok && clock.monotonicMs() - askedMs >= timeoutMs * 0.9) {
        return { ...answer, silentMs: Math.round(timeoutMs) };
      }
      return answer.ok ? { ok: true } : answer;
    };
    const observed = deadline.answer(() => lab.observe(node, { signal: deadline.signal, timeoutMs }));
    const [observation, liveness, status, metrics, json, logs] = await Promise.all([
      observed,
      askLiveness(),
      asked,
      metricsAt &&
        deadline.answer(async () => parsePrometheusText(await client.getText(metricsAt.port, metricsAt.path), wanted)),
      readJson?.(client, deadline),
      countLog && focus.has(node.name)
        ? observed.then((observation) => countLog(node, observation, { atMs, deadline, timeoutMs }))
        : undefined,
    ]);
    return {
      observation,
      liveness,
      status,
      ...(metrics ? { metrics } : {}),
      ...(json ? { json } : {}),
      ...(logs ? { logs } : {}),
    };
  }

  function clientOf(node: TopologyNode, timeoutMs: number, deadline: SlotDeadline): ProbeClient {
    return createProbeClient({
      baseUrl: (port) => lab.endpoint(node, port),
      transport,
      timeoutMs,
      signal: deadline.signal,
    });
  }
}

function clientFor(clients: ReadonlyMap<string, ProbeClient>, node: string): ProbeClient {
  const client = clients.get(node);
  if (!client) throw new Error(`${node} is not among the nodes of this slot`);
  return client;
}

/** Names of the metrics that the profile's direct checks look at, and what tells a restart. */
function wantedMetrics(checks: readonly GateCheck[]): Set<string> {
  const direct = checks.filter(({ source }) => source === 'direct').flatMap(selectorsOf);
  return new Set(direct.length > 0 ? [...direct.map(({ metric }) => metric), processStartMetric] : []);
}

function heightsOf(statuses: Record<string, Answer<{ height?: number }>>): Map<string, number> {
  const heights = new Map<string, number>();
  for (const [node, status] of Object.entries(statuses)) {
    if (status.ok && status.value.height !== undefined) heights.set(node, status.value.height);
  }
  return heights;
}
