import { expect, test } from 'vitest';
import { compareContract, type NodeContract } from '../../../../src/gates/contract/compare-contract.ts';
import { logContract } from '../../../../src/gates/contract/log-contract.ts';
import { metricsContract } from '../../../../src/gates/contract/metrics-contract.ts';

const page = `# HELP height Height.
# TYPE height gauge
height 17
# TYPE requests_total counter
requests_total{code="200",route="/status"} 40
requests_total{code="404",route="/status"} 2
# TYPE latency_seconds histogram
latency_seconds_bucket{route="/status",le="1"} 42
latency_seconds_bucket{route="/status",le="+Inf"} 42
latency_seconds_sum{route="/status"} 3
latency_seconds_count{route="/status"} 42
untyped_thing{kind="a"} 1
`;

function changes(before: string, after: string, busy: string[] = []): { changes: string[]; unseen: string[] } {
  const compared = compareContract({ families: metricsContract(before), busy }, { families: metricsContract(after) });
  return { changes: compared.changes.map(({ text }) => text), unseen: compared.unseen };
}

test('a page gives its families with type and the labels that all of its series have', () => {
  expect(metricsContract(page)).toEqual({
    height: { type: 'gauge', labels: [], seriesCount: 1, counted: 0 },
    latency_seconds: { type: 'histogram', labels: ['route'], seriesCount: 4, counted: 129 },
    requests_total: { type: 'counter', labels: ['code', 'route'], seriesCount: 2, counted: 42 },
    untyped_thing: { labels: ['kind'], seriesCount: 1, counted: 1 },
  });
});

test('families, labels and series may be added', () => {
  const more =
    page.replaceAll('route=', 'zone="x",route=') +
    '# TYPE more gauge\nmore 1\nrequests_total{code="500",route="/",zone="y"} 1\n';
  expect(changes(page, more, ['requests_total'])).toEqual({ changes: [], unseen: [] });
});

test.each([
  ['a family is gone', page.replace(/.*height.*\n/gi, ''), 'the metric height is gone'],
  [
    'a family has another type',
    page.replace('requests_total counter', 'requests_total gauge'),
    'the metric requests_total was a counter and is a gauge',
  ],
  [
    'a family has lost its type',
    page.replace('# TYPE requests_total counter\n', ''),
    'the metric requests_total was a counter and is of no type',
  ],
  [
    'a label has another name',
    page.replaceAll('code=', 'status='),
    'the metric requests_total has lost its label code',
  ],
  [
    'a label is gone from some series',
    page.replace('code="404",', ''),
    'the metric requests_total has lost its label code',
  ],
  ['a busy family with labels is gone', page.replace(/.*requests_total.*\n/g, ''), 'the metric requests_total is gone'],
  [
    'a histogram has become a summary',
    page.replace('histogram', 'summary'),
    'the metric latency_seconds was a histogram and is a summary',
  ],
])('%s: that is found', (_what, after, text) => {
  expect(after).not.toBe(page);
  expect(changes(page, after, ['requests_total']).changes).toEqual([text]);
});

test('a family that is declared is there, although it has counted nothing yet', () => {
  const declared = page.replaceAll(/^(requests|latency).*\n/gm, '');
  expect(declared).toContain('# TYPE requests_total');
  expect(changes(page, declared, ['requests_total', 'latency_seconds'])).toEqual({ changes: [], unseen: [] });
});

test('a family with labels that counted nothing for a while is not called lost, only not seen', () => {
  const quiet = page.replaceAll(/^.*requests_total.*\n/gm, '');
  expect(changes(page, quiet)).toEqual({ changes: [], unseen: ['metric requests_total'] });
});

const line = (msg: string, fields: object = {}): string =>
  JSON.stringify({ ts: '2026-01-01T00:00:00Z', level: 'info', msg, ...fields });
const log = [
  ...Array.from({ length: 20 }, (_, index) => line(`committed block ${index}`, { height: index, peer: { id: 'a' } })),
  ...Array.from({ length: 4 }, (_, index) => line('peer connected', { peer: `validator-${index}` })),
  line('listening', { port: 1 }),
  line('store open', { height: 0 }),
];

function logChanges(before: readonly string[], after: readonly string[]): { changes: string[]; unseen: string[] } {
  const contract = (lines: readonly string[]): NodeContract => {
    const own = logContract(lines);
    return own ? { log: own } : {};
  };
  const compared = compareContract(contract(before), contract(after));
  return { changes: compared.changes.map(({ text }) => text), unseen: compared.unseen };
}

test('the same log again, shorter and with more fields, keeps its promises', () => {
  const after = log.slice(10).map((text) => JSON.stringify({ ...(JSON.parse(text) as object), pid: 7 }));
  expect(logChanges(log, after)).toEqual({ changes: [], unseen: [] });
});

test.each([
  [
    'a field that all lines have is renamed',
    (text: string) => text.replace('"level"', '"severity"'),
    ['log lines have lost their field level'],
  ],
  [
    'a field of one kind of line is gone',
    (text: string) => text.replace(/(committed.*),"height":\d+/, '$1'),
    ['log lines "committed block #" have lost their field height'],
  ],
  [
    'a field of a field is gone',
    (text: string) => text.replace('{"id":"a"}', '{}'),
    ['log lines "committed block #" have lost their field peer.id'],
  ],
  [
    'a field has another type',
    (text: string) => text.replace(/(committed.*"height":)(\d+)/, '$1"$2"'),
    ['the field height of log lines "committed block #" was a number and is a string'],
  ],
  [
    'the log is plain text',
    (text: string) => `INFO ${(JSON.parse(text) as { msg: string }).msg}`,
    ['the log is no longer in JSON'],
  ],
])('%s: that is found', (_what, edit, texts) => {
  const after = log.map(edit);
  expect(after).not.toEqual(log);
  expect(logChanges(log, after).changes).toEqual(texts);
});

test('a kind of line that did not come again is not called lost', () => {
  expect(logChanges(log, log.slice(0, 20))).toEqual({
    changes: [],
    unseen: ['log lines', 'log lines "peer connected"'],
  });
});

test('a field that some lines have is no promise', () => {
  const before = log.map((text, index) =>
    index % 2 === 0 ? text : JSON.stringify({ ...(JSON.parse(text) as object), sometimes: 1 }),
  );
  expect(logChanges(before, log).changes).toEqual([]);
});

test('a log with too few lines or not in JSON promises nothing', () => {
  expect(logContract(log.slice(0, 2))).toBeUndefined();
  expect(logChanges(['a', 'b', 'c', 'd'], log)).toEqual({ changes: [], unseen: [] });
});
