import { expect, test } from 'vitest';
import { metricsOf } from '../../../../src/gates/lint/expression.ts';
import { lintRunning } from '../../../../src/gates/lint/lint-running.ts';
import type { GateCheck, MetricSelector } from '../../../../src/spec/profile.ts';
import { gateWorld } from '../../../helpers/gate-world.ts';

const page =
  '# TYPE requests_total counter\nrequests_total{code="200",route="/a"} 10\nrequests_total{code="503",route="/b"} 1\n' +
  '# TYPE queue_length gauge\nqueue_length 3\n# TYPE errors_total counter\n';

async function found(check: Omit<GateCheck, 'name'>): Promise<string[]> {
  const world = await gateWorld({ profile: { checks: [{ name: 'own', ...check } as GateCheck] } });
  for (const { name } of world.topology.nodes) world.show(name, { metrics: page });
  const findings = await world.until(lintRunning(world));
  return findings.map(({ level, where, text }) => `${level}: ${where}: ${text}`);
}
const value = (metric: MetricSelector): Omit<GateCheck, 'name'> => ({
  source: 'direct',
  condition: { kind: 'value', metric, max: 5 },
});
const ratio = (bad: MetricSelector, total: MetricSelector): Omit<GateCheck, 'name'> => ({
  source: 'prometheus',
  condition: { kind: 'ratio', bad, total, max: 0.1 },
});
const requests: MetricSelector = { metric: 'requests_total' };
const failed = (labels: NonNullable<MetricSelector['labels']>): MetricSelector => ({ ...requests, labels });

test.each([
  ['a value that is exposed', value({ metric: 'queue_length' })],
  ['errors that were not counted yet', ratio(failed({ code: { matches: '5[^3].' } }), requests)],
  ['errors of a family that is declared and has counted nothing', ratio({ metric: 'errors_total' }, requests)],
])('%s gives no finding', async (_what, check) => {
  expect(await found(check)).toEqual([]);
});

test.each([
  ['a mistyped metric', value({ metric: 'queue_lenght' }), 'no node exposes queue_lenght; did you mean queue_length?'],
  [
    'a mistyped label',
    ratio(failed({ cod: '500' }), requests),
    'no series of requests_total has a label cod; did you mean code?',
  ],
  [
    'a value that no code has',
    ratio(failed({ code: '5xx' }), requests),
    'it can find nothing bad: requests_total has no code like "5xx": its values are like "200"',
  ],
  [
    'a total that selects nothing',
    ratio(failed({ code: '503' }), failed({ route: '/c' })),
    'requests_total{route="/c"} selects nothing of what the nodes expose',
  ],
  [
    'bad events that total does not count',
    ratio(failed({ code: '503' }), failed({ route: '/a' })),
    'bad is no part of total: {code="503",route="/b"} is counted as bad and not in total',
  ],
])('%s is found on what runs', async (_what, check, text) => {
  expect(await found(check)).toEqual([`error: check own: ${text}`]);
});

test('a JSON pointer to nothing is found', async () => {
  const json = (pointer: string): Omit<GateCheck, 'name'> => ({
    source: 'json',
    condition: { kind: 'json', port: 'http', path: '/status', pointer, min: 1 },
  });
  expect(await found(json('/height'))).toEqual([]);
  expect(await found(json('/hight'))).toEqual([
    'error: check own: /status of node-0: the answer holds nothing at /hight',
  ]);
});

test('a node that cannot be read is said, not passed over', async () => {
  const world = await gateWorld();
  await world.lab.stop(world.node('node-3'));
  const findings = await world.until(lintRunning(world));
  expect(findings).toEqual([
    { level: 'warning', where: 'metrics', text: 'a page could not be read, of node-3: ECONNREFUSED' },
  ]);
});

test.each([
  ['up == 0', ['up']],
  ['sum by (testnet, node) (rate(a_total{code=~"5..",x!="b"}[1m])) / sum(rate(a_total[1m])) > 0.05', ['a_total']],
  ['2 * peers < on (testnet) group_left () (count by (testnet) (peers) - 1)', ['peers']],
  ['a > 1e3 and deriv(a[5m] offset 1h) > 0 unless on(node) b:rate5m', ['a', 'b:rate5m']],
  ['count(up{job="nodes"}) < 4 or absent(gone{job="nodes"})', ['up']],
  ['vector(1)', []],
  ['time() - start_seconds > 3 * 60 # but not other_metric', ['start_seconds']],
])('%s reads %o', (expression, names) => {
  expect(metricsOf(expression)).toEqual(names);
});
