import { messageOf } from '../core/errors.ts';
import { parsePrometheusText } from '../gates/prometheus-text.ts';
import { prometheusSource } from '../gates/prometheus-source.ts';
import { gateProfile, scrapeIntervalMs } from '../gates/profiles.ts';
import { httpTransport } from '../gates/http-transport.ts';
import type { PrometheusReading } from '../gates/readings.ts';
import { storeEvidence } from '../journal/evidence.ts';
import type { PlanStep } from '../journal/records.ts';
import { StepError } from './ending/outcome.ts';
import type { RunContext } from './run-context.ts';

const pollMs = 500;
const lookTimeoutMs = 2_000;

/** What arrived of one node, or why it counts as nothing. */
interface Arrival {
  node: string;
  source: 'prometheus' | 'metrics' | 'status';
  /** Of the newest sample, by the clock of who took it. */
  ageMs?: number;
  /** Series that came with it. */
  series?: number;
  problem?: string;
}

/**
 * Shows that what gates stand on arrives: where there is a Prometheus it must scrape every node, with success and lately; elsewhere every
 * node must answer with its metrics, or with its own view where it has none. What does not arrive says nothing of the node, so that
 * the run neither goes on nor goes back.
 */
export async function checkTelemetry(context: RunContext, step: PlanStep): Promise<void> {
  const { inputs, session, signal } = context;
  const { clock } = inputs;
  const { id, nodes, timeoutMs = 0 } = step;
  const look = inputs.prometheusUrl === undefined ? () => askNodes(context, nodes) : prometheusLook(context, nodes);
  const startedMs = clock.monotonicMs();
  let arrivals = await look();
  while (arrivals.some(isMissing) && clock.monotonicMs() - startedMs < timeoutMs) {
    await clock.sleep(pollMs, signal);
    arrivals = await look();
  }
  const missing = arrivals.filter(isMissing);
  const hasArrived = nodes.length > 0 && missing.length === 0;
  const oldestMs = Math.max(0, ...arrivals.map(({ ageMs = 0 }) => ageMs));
  const reason = hasArrived
    ? `telemetry of ${nodes.length} nodes arrives; the oldest sample is ${(oldestMs / 1000).toFixed(1)} s old`
    : nodes.length === 0
      ? 'no node was asked for'
      : `telemetry is missing: ${missing.map(({ node, problem }) => `${node} (${problem})`).join(', ')}`;
  await session.record({
    type: 'finding',
    step: id,
    finding: 'telemetry',
    nodes,
    verdict: hasArrived ? 'pass' : 'inconclusive',
    reason,
    evidence: await storeEvidence(session.runDir, { arrivals }),
  });
  if (!hasArrived) throw new StepError(nodes, 'inconclusive', reason);
}

function isMissing({ problem }: Arrival): boolean {
  return problem !== undefined;
}

function prometheusLook({ inputs, signal }: RunContext, nodes: readonly string[]): () => Promise<Arrival[]> {
  const { clock, profile, topology, prometheusUrl = '' } = inputs;
  const read = prometheusSource({
    baseUrl: prometheusUrl,
    testnet: topology.testnet,
    checks: profile.checks,
    offsetMs: 0,
    scrapeIntervalMs: scrapeIntervalMs(gateProfile(topology.gate)),
    transport: inputs.transport ?? httpTransport(clock),
    clock,
  });
  return async () => {
    const reading = await read({ atMs: clock.wallMs(), timeoutMs: lookTimeoutMs, signal });
    return nodes.map((node) => ({ node, source: 'prometheus' as const, ...inPrometheus(reading, node) }));
  };
}

function inPrometheus(reading: PrometheusReading, node: string): Omit<Arrival, 'node' | 'source'> {
  const { error, evaluatedAtMs, maxAgeMs, targets } = reading;
  if (error !== undefined) return { problem: `Prometheus cannot be asked: ${error}` };
  const target = targets[node];
  const newestMs = target?.scrapesMs.at(-1);
  if (!target || target.up === undefined) return { problem: 'Prometheus does not scrape it' };
  if (target.up !== 1 || newestMs === undefined) return { problem: 'Prometheus cannot scrape it' };
  const ageMs = Math.max(0, evaluatedAtMs - newestMs);
  const series = target.samples.length + target.starts.length;
  if (ageMs > maxAgeMs) return { ageMs, series, problem: `its newest sample is ${(ageMs / 1000).toFixed(1)} s old` };
  // A target can be up and tell nothing: another program on its port.
  return series === 0 ? { ageMs, series, problem: 'it tells nothing that the checks look at' } : { ageMs, series };
}

async function askNodes({ inputs, session }: RunContext, nodes: readonly string[]): Promise<Arrival[]> {
  const { profile } = inputs;
  return Promise.all(
    nodes.map(async (node): Promise<Arrival> => {
      const source = profile.metrics ? 'metrics' : 'status';
      const client = session.clients.get(node);
      if (!client) return { node, source, problem: 'it is not in the topology' };
      try {
        if (!profile.metrics) {
          await profile.probe(client);
          return { node, source, ageMs: 0 };
        }
        const text = await client.getText(profile.metrics.port, profile.metrics.path);
        const series = parsePrometheusText(text).samples.length;
        return { node, source, ageMs: 0, series, ...(series === 0 && { problem: 'its metrics are empty' }) };
      } catch (error) {
        return { node, source, problem: messageOf(error) };
      }
    }),
  );
}
