import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { serveMetrics } from '../../../src/cli/metrics-server.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { keepMetricsFile } from '../../../src/report/metrics-file.ts';
import { createRunMetrics, type BreakerFigures, type RunMetrics } from '../../../src/report/run-metrics.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { writeDurableRun, type DurableRunOptions } from '../../helpers/durable-run.ts';
import { hasProgram } from '../../helpers/programs.ts';
import { writeSampleRun } from '../../helpers/sample-run.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const breaker: BreakerFigures = {
  host: 'local',
  callClass: 'rpc',
  state: 'half-open',
  failures: 5,
  successes: 90,
  opened: 1,
  rejected: 12,
};

async function metricsOf(runDir: string, breakers: BreakerFigures[] = [breaker]): Promise<RunMetrics> {
  const metrics = createRunMetrics({ testnet: 'local', runbook: 'canary', runId: 'r', breakers: () => breakers });
  for (const record of (await readJournal(runDir)).records) metrics.onRecord(record);
  return metrics;
}

const durable = async (options?: DurableRunOptions): Promise<string> =>
  (await writeDurableRun(join(await temporaryFolder(), 'local'), options)).runDir;

/** Samples by name and labels, those of every sample left out. */
function samples(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const entries = lines.map((line): [string, number] => {
    const [, name = '', labels = '', value = ''] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    const own = labels.replace(/,?testnet="local",runbook="canary",run="r"$/, '');
    return [own === '' ? name : `${name}{${own}}`, Number(value)];
  });
  return Object.fromEntries(entries);
}

test('the metrics of a run that was resumed and ended inconclusive say so', async () => {
  const found = samples(await (await metricsOf(await durable())).text());
  expect(found).toMatchObject({
    seatrial_steps_planned: 6,
    'seatrial_steps_total{result="done"}': 4,
    'seatrial_gate_verdicts_total{verdict="PASS"}': 1,
    'seatrial_gate_slots_total{state="ok"}': 28,
    'seatrial_gate_slots_total{state="unknown"}': 4,
    'seatrial_findings_total{verdict="inconclusive"}': 1,
    seatrial_resumptions_total: 1,
    'seatrial_run_outcome{outcome="inconclusive"}': 1,
    'seatrial_run_outcome{outcome="interrupted"}': 0,
    seatrial_run_exit_code: 3,
    'seatrial_breaker_state{host="local",class="rpc"}': 2,
    'seatrial_breaker_rejected_total{host="local",class="rpc"}': 12,
    seatrial_journal_records_total: 32,
  });
});

test('a run that waits for a person has an open step and no outcome', async () => {
  const found = samples(await (await metricsOf(await durable({ until: 'waiting' }))).text());
  expect(found).toMatchObject({
    'seatrial_step_open{step="approve"}': 1,
    seatrial_run_waiting_for_approval: 1,
    seatrial_run_end_timestamp_seconds: 0,
    seatrial_run_exit_code: -1,
  });
  const set = Object.entries(found).filter(([name]) => name.startsWith('seatrial_run_outcome'));
  expect(set).toHaveLength(11);
  expect(set.every(([, value]) => value === 0)).toBe(true);
});

test('a step that failed and is rolled back is not open any more, its rollback is', async () => {
  const { runDir } = await writeSampleRun(join(await temporaryFolder(), 'local'), { kind: 'rolled-back' });
  const { records } = await readJournal(runDir);
  const metrics = createRunMetrics({ testnet: 'local', runbook: 'canary', runId: 'r' });
  const until = records.findIndex((record) => record.type === 'step.started' && record.step.startsWith('rollback/'));
  const open = async (): Promise<string[]> =>
    Object.keys(samples(await metrics.text())).filter((name) => name.startsWith('seatrial_step_open'));
  for (const record of records.slice(0, until - 1)) metrics.onRecord(record);
  expect(await open()).toEqual(['seatrial_step_open{step="upgrade/validator-0"}']);
  for (const record of records.slice(until - 1, until + 1)) metrics.onRecord(record);
  expect(await open()).toEqual(['seatrial_step_open{step="rollback/validator-0"}']);
});

test('breakers are asked each time, and their totals are theirs', async () => {
  const breakers = [{ ...breaker }];
  const metrics = await metricsOf(await durable(), breakers);
  await metrics.text();
  breakers[0] = { ...breaker, state: 'open', failures: 6 };
  const found = samples(await metrics.text());
  expect(found['seatrial_breaker_failures_total{host="local",class="rpc"}']).toBe(6);
  expect(found['seatrial_breaker_state{host="local",class="rpc"}']).toBe(1);
});

test.skipIf(!hasProgram('promtool'))(
  'promtool finds nothing wrong with the metrics, whatever a host is called (needs promtool)',
  async () => {
    const runDir = await durable({ hostile: '"\\\n{}' });
    const metrics = await metricsOf(runDir, [{ ...breaker, host: 'a"b\\c\nd' }]);
    const check = (input: string) => execa('promtool', ['check', 'metrics'], { input, reject: false, timeout: 20_000 });
    const good = await check(await metrics.text());
    expect([good.exitCode, good.stdout, good.stderr]).toEqual([0, '', '']);
    // It would have said so.
    expect((await check('seatrial_broken{ 1\n')).exitCode).not.toBe(0);
  },
);

test('the file is written every few seconds, and once more at the end', async () => {
  const clock = createVirtualClock({ isAutomatic: false });
  const { runDir } = await writeSampleRun(join(await temporaryFolder(), 'local'), { kind: 'upgraded' });
  const { records } = await readJournal(runDir);
  const metrics = createRunMetrics({ testnet: 'local', runbook: 'canary', runId: 'r' });
  const problems: string[] = [];
  const file = keepMetricsFile({ runDir, metrics, clock, onProblem: (text) => problems.push(text) });
  for (const record of records.slice(0, 3)) metrics.onRecord(record);
  await clock.advance(5000);
  const early = await waitFor(() => readFile(join(runDir, 'metrics.txt'), 'utf8'), {
    clock: systemClock,
    what: 'the metrics file',
    timeoutMs: 10_000,
  });
  expect(samples(early).seatrial_journal_records_total).toBe(3);
  for (const record of records.slice(3)) metrics.onRecord(record);
  await file.close();
  const text = await readFile(join(runDir, 'metrics.txt'), 'utf8');
  expect(text).toBe(await metrics.text());
  expect(samples(text)['seatrial_run_outcome{outcome="passed"}']).toBe(1);
  expect(problems).toEqual([]);
});

test('a file that cannot be written is told of once and throws nothing', async () => {
  const clock = createVirtualClock({ isAutomatic: false });
  const metrics = createRunMetrics({ testnet: 'local', runbook: 'canary', runId: 'r' });
  const problems: string[] = [];
  // Below a file there can be no folder.
  const runDir = join(import.meta.filename, 'run');
  const file = keepMetricsFile({ runDir, metrics, clock, onProblem: (text) => problems.push(text) });
  await file.close();
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('metrics.txt cannot be written');
});

test('the port serves both formats on loopback, and refuses when it is taken', async () => {
  const metrics = await metricsOf(await durable());
  const server = await serveMetrics(metrics, 0);
  try {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const plain = await fetch(server.url);
    expect(plain.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await plain.text()).toBe(await metrics.text());
    const open = await fetch(server.url, { headers: { accept: 'application/openmetrics-text; version=1.0.0' } });
    expect(open.headers.get('content-type')).toContain('application/openmetrics-text');
    const text = await open.text();
    expect(text).toMatch(/# TYPE seatrial_steps counter\nseatrial_steps_total\{/);
    expect(text.trimEnd()).toMatch(/# EOF$/);
    expect((await fetch(server.url.replace('metrics', 'secrets'))).status).toBe(404);
    const port = Number(new URL(server.url).port);
    await expect(serveMetrics(metrics, port)).rejects.toThrow(`127.0.0.1:${port}`);
  } finally {
    await server.close();
  }
});
