import { expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import type { HttpTransport } from '../../../src/gates/probe-client.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import type { GateCheck } from '../../../src/spec/profile.ts';
import { runWorld, type RunWorld } from '../../helpers/run-world.ts';

const prometheusUrl = 'http://prometheus:9090';
const stages = [{ kind: 'telemetry' as const, id: 'telemetry', timeoutMs: 5_000 }];
const checks: GateCheck[] = [
  { name: 'queue', source: 'prometheus', condition: { kind: 'value', metric: { metric: 'queue' }, max: 10 } },
];

/** What Prometheus holds of a node; left out: it scrapes it once a second, with success. */
interface Held {
  up?: number;
  ageSeconds?: number;
  isUnknown?: boolean;
  isSilent?: boolean;
}

function prometheusOf(world: RunWorld, held: Record<string, Held>, isDown = false): HttpTransport {
  return async (request) => {
    if (!request.url.startsWith(prometheusUrl)) return world.transport(request);
    if (isDown) throw new Error('ECONNREFUSED');
    const query = new URL(request.url).searchParams.get('query');
    const answer = (resultType: string, result: unknown) => {
      return { status: 200, text: JSON.stringify({ status: 'success', data: { resultType, result } }) };
    };
    const nowSeconds = Math.floor(world.clock.wallMs() / 1000);
    if (query === 'time()') return answer('scalar', [world.clock.wallMs() / 1000, `${world.clock.wallMs() / 1000}`]);
    const series = world.topology.nodes.flatMap(({ name: node }) => {
      const { up = 1, ageSeconds = 0, isUnknown, isSilent } = held[node] ?? {};
      const values = [[nowSeconds - ageSeconds, '1']];
      const metric = { testnet: 'world', node, instance: node };
      if (isUnknown) return [];
      return [
        { metric: { ...metric, __name__: 'up' }, values: [[nowSeconds - ageSeconds, `${up}`]] },
        ...(isSilent ? [] : [{ metric: { ...metric, __name__: 'queue' }, values }]),
      ];
    });
    return answer('matrix', series);
  };
}

async function checked(world: RunWorld, transport: HttpTransport, url?: string) {
  const inputs = await world.inputs({ stages });
  const all = { ...inputs, transport, ...(url !== undefined && { prometheusUrl: url }) };
  const { outcome, exitCode, runDir } = await world.untilSettled(executeRun(all));
  const { records } = await readJournal(runDir);
  const finding = records.find((record): record is RunRecord & { type: 'finding' } => record.type === 'finding');
  return { outcome, exitCode, finding };
}

test('telemetry that arrives of every node, new and with what checks look at, passes', async () => {
  const world = await runWorld({ checks });
  const { outcome, finding } = await checked(world, prometheusOf(world, {}), prometheusUrl);
  expect([outcome, finding?.verdict, finding?.nodes.length]).toEqual(['passed', 'pass', 4]);
});

test.each<[string, Held, string]>([
  ['is not scraped', { isUnknown: true }, 'node-2 (Prometheus does not scrape it)'],
  ['cannot be scraped', { up: 0 }, 'node-2 (Prometheus cannot scrape it)'],
  ['tells nothing of what the checks look at', { isSilent: true }, 'node-2 (it tells nothing that the checks look at)'],
  ['was scraped too long ago', { ageSeconds: 4 }, 'node-2 (Prometheus does not scrape it)'],
])('a node that %s leaves the run without a verdict, and is named', async (_title, held, reason) => {
  const world = await runWorld({ checks });
  // The gate before it has to find a network that works.
  const reading: Record<string, Held> = {};
  const transport = prometheusOf(world, reading);
  const inputs = await world.inputs({
    stages,
    onRecord: (record) => {
      if (record.type === 'step.started' && record.step === 'telemetry') reading['node-2'] = held;
    },
  });
  const { outcome, exitCode, runDir } = await world.untilSettled(executeRun({ ...inputs, transport, prometheusUrl }));
  const { records } = await readJournal(runDir);
  expect([outcome, exitCode]).toEqual(['inconclusive', 3]);
  const finding = records.find((record) => record.type === 'finding');
  expect(finding).toMatchObject({ verdict: 'inconclusive', reason: `telemetry is missing: ${reason}` });
});

test('without a Prometheus every node is asked itself', async () => {
  const world = await runWorld();
  const good = await checked(world, world.transport);
  expect([good.outcome, good.finding?.verdict]).toEqual(['passed', 'pass']);
  world.show('node-1', { metrics: '' });
  const bad = await checked(world, world.transport);
  expect(bad).toMatchObject({
    outcome: 'inconclusive',
    finding: { reason: 'telemetry is missing: node-1 (its metrics are empty)' },
  });
});

test('telemetry that comes late, but in time, is waited for', async () => {
  const world = await runWorld();
  world.show('node-3', { metrics: '' });
  const inputs = await world.inputs({ stages });
  const running = executeRun(inputs);
  const coming = world.clock.sleep(6_000).then(() => world.show('node-3', { metrics: 'height 1\n' }));
  const { outcome } = await world.untilSettled(running);
  await coming;
  expect(outcome).toBe('passed');
});
