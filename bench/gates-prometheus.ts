/**
 * CPU time of this program for one slot of a gate over 50 nodes with 20 checks each that read from a real Prometheus, against the limit of
 * 20 ms: asking, reading the answer, judging. The pages that Prometheus scrapes are served by a process of its own.
 *
 *     node bench/gates-prometheus.ts
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { waitFor } from '../src/core/wait.ts';
import { httpTransport } from '../src/gates/http-transport.ts';
import { prometheusSource } from '../src/gates/prometheus-source.ts';
import type { NodeReading, SlotReading } from '../src/gates/readings.ts';
import { slotFacts, type NetworkFacts } from '../src/gates/slot-facts.ts';
import { supportedChecks } from '../src/gates/supported-checks.ts';
import type { GateCheck, SystemProfile } from '../src/spec/profile.ts';
import { reportLimit } from './support/results.ts';
import { freePort } from '../test/helpers/free-port.ts';

const nodeCount = 50;
const checksPerNode = 20;
const limitMs = 20;
const offsetMs = 2000;
const warmUpSlots = 20;
const measuredSlots = 60;
const names = Array.from({ length: nodeCount }, (_, index) => `node-${index}`);

/** 8 ratios, 8 values, 4 quantiles, each of a family of its own. */
const checks: GateCheck[] = Array.from({ length: checksPerNode }, (_, index) => {
  const common = { name: `check-${index}`, source: 'prometheus' as const };
  if (index < 8) {
    const metric = `requests_${index}_total`;
    const bad = { metric, labels: { code: { matches: '5..' } } };
    return { ...common, condition: { kind: 'ratio', bad, total: { metric }, max: 0.1 } };
  }
  if (index < 16) return { ...common, condition: { kind: 'value', metric: { metric: `level_${index}` }, max: 100 } };
  const histogram = { metric: `latency_${index}_seconds` };
  return { ...common, condition: { kind: 'quantile', histogram, quantile: 0.9, max: 1 } };
});

if (process.argv[2] === 'serve') serve();
else await bench();

/** Serves one page for all nodes; what it counts grows with time. */
function serve(): void {
  const server = createServer((_request, response) => response.end(page(Math.round(systemClock.monotonicMs()))));
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.on('disconnect', () => {
    server.close();
    server.closeAllConnections();
  });
}

function page(elapsedMs: number): string {
  const lines = [`process_start_time_seconds ${Math.round((systemClock.wallMs() - elapsedMs) / 60_000) * 60}`];
  for (const { condition } of checks) {
    if (condition.kind === 'ratio') {
      const { metric } = condition.total;
      lines.push(`${metric}{code="200",route="/a"} ${elapsedMs}`, `${metric}{code="200",route="/b"} ${elapsedMs}`);
      lines.push(`${metric}{code="503",route="/a"} 0`);
    } else if (condition.kind === 'value') {
      lines.push(`${condition.metric.metric} ${elapsedMs % 50}`);
    } else if (condition.kind === 'quantile') {
      const { metric } = condition.histogram;
      for (const bound of ['0.1', '0.5', '1', '5', '+Inf']) lines.push(`${metric}_bucket{le="${bound}"} ${elapsedMs}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

async function bench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'seatrial-bench-prometheus-'));
  const children: ChildProcess[] = [];
  try {
    const exporter = spawn(process.execPath, [import.meta.filename, 'serve'], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    children.push(exporter);
    const exporterPort = await new Promise<number>((resolve) =>
      exporter.once('message', (port: number) => resolve(port)),
    );
    const port = await freePort();
    writeFileSync(
      join(folder, 'prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s' },
        scrape_configs: [
          {
            job_name: 'nodes',
            static_configs: names.map((node) => ({
              targets: [`127.0.0.1:${exporterPort}`],
              labels: { testnet: 'bench', node, __metrics_path__: `/${node}` },
            })),
          },
        ],
      }),
    );
    const flags = [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    children.push(spawn('prometheus', flags, { cwd: folder, stdio: 'ignore' }));
    await measureSlots(`http://127.0.0.1:${port}`);
  } finally {
    for (const child of children) {
      const exit = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exit;
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureSlots(baseUrl: string): Promise<void> {
  const nodes = names.map((name) => ({ name, votingPower: 1 }));
  const network: NetworkFacts = { testnet: 'bench', nodes, quorum: 'none', availability: 'keep' };
  const profile = { name: 'bench', checks, metrics: { port: 'http', path: '/metrics' } } as unknown as SystemProfile;
  const judges = supportedChecks(profile, { network, hasPrometheus: true, windowMs: 10_000 }).checks.flatMap(
    ({ source, judgeFor }) =>
      source === 'prometheus' && judgeFor ? names.map((name) => judgeFor(name, undefined)) : [],
  );
  if (judges.length !== nodeCount * checksPerNode) throw new Error(`the bench has ${judges.length} checks`);
  const transport = httpTransport(systemClock);
  const ask = prometheusSource({ baseUrl, testnet: 'bench', checks, offsetMs, transport, clock: systemClock });
  const reading: Record<string, NodeReading> = Object.fromEntries(names.map((name) => [name, readingOf(name)]));
  let slot = 0;

  async function runSlot(): Promise<number> {
    const atMs = systemClock.wallMs();
    const prometheus = await ask({ atMs, timeoutMs: 5000 });
    if (prometheus.error !== undefined) throw new Error(prometheus.error);
    const seen: SlotReading = {
      ...{ slot: slot++, atMs, monoMs: systemClock.monotonicMs(), leftOut: [], nodes: reading, prometheus },
    };
    const facts = slotFacts(seen, network);
    return judges.filter((judge) => judge(facts)?.state !== 'OK').length;
  }

  const allOk = async (): Promise<true | undefined> => ((await runSlot().catch(() => -1)) === 0 ? true : undefined);
  await waitFor(allOk, { clock: systemClock, what: 'every check to be OK', timeoutMs: 60_000, intervalMs: 500 });
  for (let index = 0; index < warmUpSlots; index++) await runSlot();
  const before = process.cpuUsage();
  for (let index = 0; index < measuredSlots; index++) {
    const notOk = await runSlot();
    if (notOk > 0) throw new Error(`the bench's nodes are meant to be healthy: ${notOk} checks are not OK`);
  }
  const used = process.cpuUsage(before);
  const perSlotMs = (used.user + used.system) / 1000 / measuredSlots;
  reportLimit(
    `Gate over ${nodeCount} nodes × ${checksPerNode} checks on a real Prometheus: CPU time per slot`,
    perSlotMs,
    limitMs,
    {
      unit: 'ms',
      measured: `${perSlotMs.toFixed(1)} ms`,
      how: `asking Prometheus, reading its answer and judging it, mean of ${measuredSlots} slots; Prometheus' own time not counted`,
    },
  );
}

/** A node that has been running for an hour. */
function readingOf(name: string): NodeReading {
  const startedAtMs = systemClock.wallMs() - 3_600_000;
  const identity = { digest: 'd', command: [], generation: 'g', startedAtMs, instance: `${name}:1`, pid: 1 };
  return {
    observation: { ok: true, value: { node: name, state: 'running', identity } },
    liveness: { ok: true },
    status: { ok: true, value: {} },
  };
}
