import { abortedError, type Clock } from '../../core/clock.ts';
import { RefusedError, UsageError, messageOf } from '../../core/errors.ts';
import { mapConcurrent } from '../../core/wait.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import type { Topology } from '../../topology/topology.ts';
import { httpTransport } from '../http-transport.ts';
import { gateProfile, prometheusOffsetMs, type GateProfile } from '../profiles.ts';
import type { HttpTransport } from '../probe-client.ts';
import { prometheusSource } from '../prometheus-source.ts';
import type { AlertRule, Answer, NodeReading, PrometheusReading, SlotReading } from '../readings.ts';
import { networkFacts } from '../slot-facts.ts';
import { supportedChecks } from '../supported-checks.ts';
import type { GateVerdict } from '../verdict.ts';
import { pastAlerts } from './past-alerts.ts';
import { ReplayJudge } from './replay-judge.ts';

export interface ReplayOptions {
  topology: Topology;
  profile: SystemProfile;
  prometheusUrl: string;
  /** Wall time of the first and the last slot, ms since the epoch. */
  fromMs: number;
  toMs: number;
  /** Names of the nodes to be judged. Default: all. */
  nodes?: readonly string[];
  /** Default: those of the topology's gate. */
  timings?: GateProfile | undefined;
  clock: Clock;
  /** Default: HTTP. */
  transport?: HttpTransport | undefined;
  signal?: AbortSignal | undefined;
}

export interface ReplayResult {
  testnet: string;
  gate: string;
  nodes: readonly string[];
  fromMs: number;
  toMs: number;
  /** PASS: it would have passed and its guards stayed silent to the end. */
  verdict: GateVerdict;
  /** When the gate would have passed, and when it ended for good or bad; wall times in ms. */
  passedAtMs?: number;
  endedAtMs: number;
  /** Most restarts of one node, as its metrics tell. */
  restarts: number;
  leftOut: { name: string; reason: string }[];
}

/** So many slots are asked for and held at a time. */
const chunkSlots = 200;
const slotsAtOnce = 4;
const callTimeoutMs = 10_000;
const maxSlots = 500_000;

/**
 * What a gate would have said of a time that is over, from what Prometheus holds of it. Identity and direct probes are of the present and left
 * out. Throws UsageError for a range that cannot be, RefusedError('unsupported') where no check asks Prometheus; an unhealthy past is a verdict.
 */
export async function replayGate(options: ReplayOptions): Promise<ReplayResult> {
  const { topology, profile, clock, fromMs, toMs, signal, prometheusUrl } = options;
  const timings = options.timings ?? gateProfile(topology.gate);
  const slotCount = slotsOf(fromMs, toMs, timings, clock.wallMs());
  const transport = options.transport ?? httpTransport(clock);
  const nodes = options.nodes ?? topology.nodes.map(({ name }) => name);
  const network = networkFacts(topology);
  const windowMs = timings.windowSlots * timings.intervalMs;
  const supported = supportedChecks(profile, { network, hasPrometheus: true, windowMs });
  const checks = supported.checks.filter(({ source }) => source === 'prometheus' || source === 'alerts');
  if (checks.length === 0) {
    throw new RefusedError(
      'unsupported',
      `no check of ${profile.name} asks Prometheus, so that the past cannot be judged`,
    );
  }
  const present = supported.checks.filter((check) => !checks.includes(check));
  const leftOut = [
    ...supported.leftOut,
    ...present.map(({ name }) => ({ name, reason: 'it asks the node or the lab, and they tell of the present only' })),
  ];

  const about = { baseUrl: prometheusUrl, testnet: topology.testnet, transport };
  const readSeries = prometheusSource({
    ...about,
    checks: profile.checks.filter(({ source }) => source === 'prometheus'),
    offsetMs: prometheusOffsetMs(timings),
    scrapeIntervalMs: topology.monitoring?.scrapeIntervalMs,
    clock,
  });
  const readAlerts = checks.some(({ source }) => source === 'alerts')
    ? await pastAlerts({ ...about, checks: profile.checks, timeoutMs: callTimeoutMs, signal })
    : undefined;
  const judge = new ReplayJudge({ timings, network, nodes, checks });
  const past = new PastNodes(
    topology.nodes.map(({ name }) => name),
    fromMs - 2 * windowMs,
  );
  const result = (verdict: GateVerdict, endedAtMs: number): ReplayResult => ({
    ...{ testnet: topology.testnet, gate: timings.name, nodes, fromMs, toMs, verdict },
    ...(judge.passedAtMs === undefined ? {} : { passedAtMs: fromMs + judge.passedAtMs }),
    ...{ endedAtMs, restarts: judge.restarts, leftOut },
  });

  for (let first = 0; first < slotCount; first += chunkSlots) {
    const slots = Array.from({ length: Math.min(chunkSlots, slotCount - first) }, (_, index) => first + index);
    const readings = await mapConcurrent(slots, slotsAtOnce, (slot) => read(slot));
    if (signal?.aborted) throw abortedError(signal);
    for (const reading of readings) {
      const decision = judge.push(past.complete(reading));
      if (decision.kind !== 'continue') return result(judge.verdict(decision), reading.atMs);
    }
  }
  return result(judge.verdict(judge.end()), fromMs + (slotCount - 1) * timings.intervalMs);

  async function read(slot: number): Promise<PastSlot> {
    const monoMs = slot * timings.intervalMs;
    const atMs = fromMs + monoMs;
    const prometheus = await readSeries({ atMs, timeoutMs: callTimeoutMs, signal });
    if (!readAlerts || prometheus.error !== undefined) return { slot, atMs, monoMs, prometheus };
    const rules = await readAlerts(prometheus.evaluatedAtMs).catch((error: unknown): Answer<AlertRule[]> => ({
      ok: false,
      error: messageOf(error),
    }));
    return { slot, atMs, monoMs, prometheus: { ...prometheus, rules } };
  }
}

type PastSlot = Pick<SlotReading, 'slot' | 'atMs' | 'monoMs'> & { prometheus: PrometheusReading };

/** Stands in for what nobody can ask any more: which start of a node it was is known from its own metrics. */
class PastNodes {
  readonly #names: readonly string[];
  readonly #startedAtMs = new Map<string, number>();
  readonly #longAgoMs: number;

  constructor(names: readonly string[], longAgoMs: number) {
    this.#names = names;
    this.#longAgoMs = longAgoMs;
  }

  complete(slot: PastSlot): SlotReading {
    const nodes = this.#names.map((name) => [name, this.#reading(name, slot)] as const);
    return { ...slot, leftOut: [], nodes: Object.fromEntries(nodes) };
  }

  #reading(node: string, { prometheus }: PastSlot): NodeReading {
    const target = prometheus.targets[node];
    const told = target?.starts.at(-1)?.seconds;
    if (target && !this.#startedAtMs.has(node)) {
      this.#startedAtMs.set(node, told === undefined ? this.#longAgoMs : told * 1000);
    }
    const startedAtMs = this.#startedAtMs.get(node);
    const identity = { digest: '', command: [], generation: '', instance: 'past', pid: undefined };
    return {
      observation:
        startedAtMs === undefined
          ? { ok: false, error: 'nobody can look into the past' }
          : { ok: true, value: { node, state: 'running', identity: { ...identity, startedAtMs } } },
      // Whether it answered its clients nobody knows; without that a failed scrape is no proof of harm.
      liveness: { ok: true },
      status: { ok: false, error: 'nobody can ask the past' },
    };
  }
}

function slotsOf(fromMs: number, toMs: number, { intervalMs }: GateProfile, nowMs: number): number {
  if (!(fromMs < toMs)) throw new UsageError('the time to be judged must begin before it ends');
  if (toMs > nowMs) throw new UsageError('the time to be judged must lie in the past');
  const count = Math.floor((toMs - fromMs) / intervalMs) + 1;
  if (count > maxSlots) throw new UsageError(`${count} slots are more than ${maxSlots}: take a shorter time`);
  return count;
}
