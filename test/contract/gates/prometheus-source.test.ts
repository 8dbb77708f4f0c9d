import { spawn, spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { writeFileAtomic } from '../../../src/core/files.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { httpTransport } from '../../../src/gates/http-transport.ts';
import { prometheusSource, type PrometheusSource } from '../../../src/gates/prometheus-source.ts';
import type { MetricCheck } from '../../../src/spec/profile.ts';

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
const checks: MetricCheck[] = [
  {
    name: 'errors',
    source: 'prometheus',
    condition: {
      kind: 'ratio',
      bad: { metric: 'requests_total', labels: { code: { matches: '5..' } } },
      total: { metric: 'requests_total' },
      max: 0.1,
    },
  },
  { name: 'odd', source: 'prometheus', condition: { kind: 'value', metric: { metric: 'odd_value' }, max: 1 } },
];
const text = 'requests_total{code="200"} 90\nrequests_total{code="503"} 10\nodd_value NaN\n';

// apt-get install prometheus
describe.skipIf(!hasPrometheus)('a real Prometheus (skipped where no `prometheus` is on the PATH)', () => {
  let exporter: Server;
  let exporterPort: number;
  let ask: PrometheusSource;
  const ended: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    exporter = createServer((_request, response) => response.end(text));
    exporterPort = await listen(exporter);
    const portHolder = createServer();
    const port = await listen(portHolder);
    await new Promise((resolve) => portHolder.close(resolve));
    const folder = await mkdtemp(join(tmpdir(), 'seatrial-test-'));
    await writeFileAtomic(
      join(folder, 'prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '1s' },
        scrape_configs: [
          {
            job_name: 'nodes',
            static_configs: [
              { targets: [`127.0.0.1:${exporterPort}`], labels: { testnet: 'local', node: 'node-0' } },
              { targets: ['127.0.0.1:1'], labels: { testnet: 'local', node: 'node-1' } },
            ],
          },
          {
            job_name: 'prometheus',
            static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { testnet: 'local' } }],
          },
        ],
      }),
    );
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    ended.push(async () => {
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true });
    });
    ask = prometheusSource({
      baseUrl: `http://127.0.0.1:${port}`,
      testnet: 'local',
      checks,
      offsetMs: 0,
      transport: httpTransport(systemClock),
      clock: systemClock,
    });
    await waitFor(
      async () => {
        const { targets } = await ask({ atMs: systemClock.wallMs(), timeoutMs: 1000 });
        return (targets['node-0']?.up !== undefined && targets['node-1']?.up !== undefined) || undefined;
      },
      { clock: systemClock, what: 'both targets to be scraped', timeoutMs: 30_000 },
    );
  }, 40_000);

  afterAll(async () => {
    for (const end of ended) await end();
    exporter.close();
  });

  test('says which nodes are up, its own target not among them', async () => {
    const reading = await ask({ atMs: systemClock.wallMs(), timeoutMs: 1000 });
    expect(reading.error).toBeUndefined();
    const { targets } = reading;
    expect(Object.keys(targets).sort()).toEqual(['node-0', 'node-1']);
    expect(targets['node-0']).toMatchObject({ up: 1, instances: [`127.0.0.1:${exporterPort}`] });
    expect(targets['node-1']).toMatchObject({ up: 0, instances: ['127.0.0.1:1'], scrapesMs: [], samples: [] });
  });

  test('gives the newest samples by node with their times, NaN among them', async () => {
    const atMs = systemClock.wallMs();
    const { targets } = await ask({ atMs, timeoutMs: 1000 });
    const { samples = [], scrapesMs = [] } = targets['node-0'] ?? {};
    const values = samples.map(({ name, labels, value }) => [name, labels, value]);
    expect(values).toContainEqual(['requests_total', { code: '200' }, 90]);
    expect(values).toContainEqual(['requests_total', { code: '503' }, 10]);
    expect(values).toContainEqual(['odd_value', {}, 'NaN']);
    for (const sample of samples) expect(sample.atMs).toBe(scrapesMs.at(-1));
    expect(atMs - (scrapesMs.at(-1) ?? 0)).toBeLessThan(2000);
  });

  test('knows nothing of a time before it began', async () => {
    const { targets, error } = await ask({ atMs: systemClock.wallMs() - 3_600_000, timeoutMs: 1000 });
    expect({ targets, error }).toEqual({ targets: {}, error: undefined });
  });
});

test('a Prometheus that nobody reaches is an error in the reading, not an exception', async () => {
  const ask = prometheusSource({
    baseUrl: 'http://127.0.0.1:1',
    testnet: 'local',
    checks,
    offsetMs: 2000,
    transport: httpTransport(systemClock),
    clock: systemClock,
  });
  const reading = await ask({ atMs: 1_000_000, timeoutMs: 1000 });
  expect(reading).toMatchObject({ evaluatedAtMs: 998_000, targets: {} });
  expect(reading.error).toBeTruthy();
});

test('an answer that is no vector is an error in the reading', async () => {
  const server = createServer((_request, response) =>
    response.writeHead(400).end('{"status":"error","errorType":"bad_data","error":"parse error"}'),
  );
  const port = await listen(server);
  const ask = prometheusSource({
    baseUrl: `http://127.0.0.1:${port}`,
    testnet: 'local',
    checks,
    offsetMs: 0,
    transport: httpTransport(systemClock),
    clock: systemClock,
  });
  const reading = await ask({ atMs: 1_000_000, timeoutMs: 1000 });
  expect(reading.error).toContain('Prometheus answered 400 to a query: parse error');
  server.close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
