import type { Clock } from '../core/clock.ts';
import { createProbeClient, type HttpTransport } from '../gates/probe-client.ts';
import type { Answer } from '../gates/readings.ts';
import { slotDeadline } from '../gates/slot-deadline.ts';
import type { Lab, LogLine, NodeObservation } from '../lab/lab.ts';
import type { NodeStatus, SystemProfile } from '../spec/profile.ts';
import type { Topology } from '../topology/topology.ts';

/** For all nodes together: who waits for this is about to roll back. */
const sceneTimeoutMs = 10_000;
const logTail = 500;
const maxLineLength = 4_000;
const maxMetricsLength = 1024 * 1024;

/** One node as it was when something had failed. What could not be read says why. */
export interface SceneNode {
  observation: Answer<NodeObservation>;
  /** The node's own view. */
  status: Answer<NodeStatus>;
  /** The newest lines, oldest first; a very long one is cut. */
  logs: Answer<Omit<LogLine, 'node'>[]>;
  /** The metrics page as the node gave it, at most 1 MiB of it. Absent when the system has none. */
  metrics?: Answer<string>;
}

/** All nodes as they were when something had failed. Plain data, to be stored as evidence. */
export interface Scene {
  kind: 'seatrial.scene/1';
  /** Wall time in ms. */
  atMs: number;
  /** How long it took to look. */
  tookMs: number;
  /** By name. */
  nodes: Record<string, SceneNode>;
}

export interface SceneOptions {
  lab: Lab;
  topology: Pick<Topology, 'nodes'>;
  profile: Pick<SystemProfile, 'probe' | 'metrics'>;
  transport: HttpTransport;
  clock: Clock;
  /** Ends the looking early; what was seen by then is returned. */
  signal?: AbortSignal | undefined;
}

/**
 * Logs, metrics and state of all nodes at once, before anything is undone. Takes 10 s at most and never rejects: what does not answer
 * by then says so in its place.
 */
export async function captureScene(options: SceneOptions): Promise<Scene> {
  const { lab, topology, profile, transport, clock, signal } = options;
  const atMs = clock.wallMs();
  const startedMs = clock.monotonicMs();
  const deadline = slotDeadline(clock, sceneTimeoutMs, signal);
  const call = { signal: deadline.signal, timeoutMs: sceneTimeoutMs };
  try {
    const nodes = await Promise.all(
      topology.nodes.map(async (node): Promise<[string, SceneNode]> => {
        const client = createProbeClient({
          baseUrl: (port) => lab.endpoint(node, port),
          transport,
          timeoutMs: sceneTimeoutMs,
          signal: deadline.signal,
        });
        const page = profile.metrics;
        const [observation, status, logs, metrics] = await Promise.all([
          deadline.answer(() => lab.observe(node, call)),
          deadline.answer(() => profile.probe(client)),
          deadline.answer(async () =>
            (await lab.logs(node, { ...call, tail: logTail })).slice(-logTail).map(shortLine),
          ),
          page && deadline.answer(async () => (await client.getText(page.port, page.path)).slice(0, maxMetricsLength)),
        ]);
        return [node.name, { observation, status, logs, ...(metrics && { metrics }) }];
      }),
    );
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    return { kind: 'seatrial.scene/1', atMs, tookMs, nodes: Object.fromEntries(nodes) };
  } finally {
    deadline.end();
  }
}

function shortLine({ atMs, text }: LogLine): Omit<LogLine, 'node'> {
  const short = text.length > maxLineLength ? `${text.slice(0, maxLineLength)}…` : text;
  return atMs === undefined ? { text: short } : { atMs, text: short };
}
