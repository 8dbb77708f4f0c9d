import { describe, expect, test } from 'vitest';
import { prometheusMetricJudge } from '../../../src/gates/metric-judges.ts';
import type { PrometheusReading, SlotReading, StoredTarget } from '../../../src/gates/readings.ts';
import { slotFacts } from '../../../src/gates/slot-facts.ts';
import type { MetricCheck } from '../../../src/spec/profile.ts';

const check: MetricCheck = {
  name: 'queue',
  source: 'prometheus',
  condition: { kind: 'value', metric: { metric: 'queue' }, max: 10 },
};
const network = {
  testnet: 'local',
  nodes: [{ name: 'node-0', votingPower: 1 }],
  quorum: 'none' as const,
  availability: 'keep' as const,
};
const startedAtMs = 1_000_000;
const evaluatedAtMs = startedAtMs + 10_000;
const scrapedAtMs = evaluatedAtMs - 400;

function stored(value: number, given: Partial<PrometheusReading> = {}): PrometheusReading {
  return {
    evaluatedAtMs,
    clockAheadMs: 0,
    maxAgeMs: 3000,
    targets: { 'node-0': target(value) },
    ...given,
  };
}

function target(value: number, given: Partial<StoredTarget> = {}): StoredTarget {
  return {
    instances: ['10.0.0.1:8080'],
    up: 1,
    scrapesMs: [scrapedAtMs],
    starts: [],
    samples: [{ name: 'queue', labels: {}, value, atMs: scrapedAtMs }],
    ...given,
  };
}

function reading(monoMs: number, isAlive: boolean, prometheus: PrometheusReading): SlotReading {
  return {
    slot: monoMs / 1000,
    atMs: startedAtMs + 12_000 + monoMs,
    monoMs,
    leftOut: [],
    nodes: {
      'node-0': {
        observation: {
          ok: true,
          value: {
            node: 'node-0',
            state: 'running',
            identity: { digest: 'd', command: [], generation: 'g', startedAtMs, instance: '1:1', pid: 1 },
          },
        },
        liveness: isAlive ? { ok: true } : { ok: false, error: 'refused' },
        status: { ok: true, value: {} },
      },
    },
    prometheus,
  };
}

function judgeOnce(isAlive: boolean, prometheus: PrometheusReading) {
  const judge = prometheusMetricJudge('node-0', check, 60_000);
  return judge(slotFacts(reading(0, isAlive, prometheus), network));
}

describe('a check on what Prometheus stored', () => {
  test('decides when the target is up and the node answers', () => {
    expect(judgeOnce(true, stored(5))).toMatchObject({ state: 'OK', value: 5 });
    expect(judgeOnce(true, stored(50))).toMatchObject({ state: 'BAD', value: 50 });
  });

  test('is BAD when only Prometheus still reaches the node', () => {
    expect(judgeOnce(false, stored(5))).toMatchObject({
      state: 'BAD',
      detail: expect.stringContaining('clients do not') as string,
    });
  });

  test('is UNKNOWN while only the scrape path is broken, and BAD after two minutes of that', () => {
    const judge = prometheusMetricJudge('node-0', check, 60_000);
    const down = stored(5, { targets: { 'node-0': target(5, { up: 0 }) } });
    const at = (monoMs: number, prometheus = down) => judge(slotFacts(reading(monoMs, true, prometheus), network));
    expect(at(0)).toMatchObject({ state: 'UNKNOWN', reason: 'scrape-path' });
    expect(at(119_000)).toMatchObject({ state: 'UNKNOWN' });
    expect(at(120_000)).toMatchObject({ state: 'BAD' });
    expect(at(121_000, stored(5))).toMatchObject({ state: 'OK' });
    expect(at(122_000)).toMatchObject({ state: 'UNKNOWN' });
  });

  test('is BAD when neither Prometheus nor the probe reaches the node', () => {
    expect(judgeOnce(false, stored(5, { targets: { 'node-0': target(5, { up: 0 }) } }))).toMatchObject({
      state: 'BAD',
    });
  });

  test('is UNKNOWN when there is no up series', () => {
    for (const isAlive of [true, false]) {
      expect(judgeOnce(isAlive, stored(5, { targets: {} }))).toMatchObject({
        state: 'UNKNOWN',
        reason: 'series-set-mismatch',
      });
    }
  });

  test('is UNKNOWN when Prometheus cannot be asked', () => {
    for (const isAlive of [true, false]) {
      expect(judgeOnce(isAlive, stored(5, { error: 'refused', targets: {} }))).toMatchObject({
        state: 'UNKNOWN',
        reason: 'query-error',
      });
    }
  });

  test('is UNKNOWN when nothing is stored of the node', () => {
    const empty = stored(5, { targets: { 'node-0': target(5, { samples: [] }) } });
    expect(judgeOnce(true, empty)).toMatchObject({ state: 'UNKNOWN', reason: 'empty' });
  });

  test('is UNKNOWN when what is stored is too old, whatever it says', () => {
    const samples = [{ name: 'queue', labels: {}, value: 5, atMs: evaluatedAtMs - 3001 }];
    expect(judgeOnce(true, stored(5, { targets: { 'node-0': target(5, { samples }) } }))).toMatchObject({
      state: 'UNKNOWN',
      reason: 'stale',
    });
  });

  test.each<[string, Partial<StoredTarget>]>([
    ['the node was not scraped since its start', { scrapesMs: [startedAtMs - 1] }],
    [
      'the sample is from before the start',
      { samples: [{ name: 'queue', labels: {}, value: 5, atMs: startedAtMs - 1 }] },
    ],
  ])('is UNKNOWN when %s', (_title, given) => {
    const early = stored(5, { targets: { 'node-0': target(5, given) }, evaluatedAtMs: startedAtMs + 500 });
    expect(judgeOnce(true, early)).toMatchObject({ state: 'UNKNOWN', reason: 'stale' });
  });

  test('is UNKNOWN about what was started before the node', () => {
    const starts = [{ atMs: scrapedAtMs, seconds: startedAtMs / 1000 - 3600 }];
    expect(judgeOnce(true, stored(5, { targets: { 'node-0': target(5, { starts }) } }))).toMatchObject({
      state: 'UNKNOWN',
      reason: 'identity-mismatch',
    });
  });

  test.each<[string, Partial<PrometheusReading>]>([
    ['one node is scraped twice', { targets: { 'node-0': target(5, { instances: ['a:1', 'b:1'] }) } }],
    ['there is a node that the testnet does not have', { targets: { 'node-0': target(5), 'node-9': target(5) } }],
    ['Prometheus goes on with an old configuration', { hasOldConfig: true }],
  ])('is UNKNOWN when %s', (_title, given) => {
    expect(judgeOnce(true, stored(5, given))).toMatchObject({ state: 'UNKNOWN', reason: 'series-set-mismatch' });
  });

  test('is UNKNOWN when another address than the node’s is scraped under its name', () => {
    const expecting = (address: string) => {
      const nodes = [{ name: 'node-0', votingPower: 1, target: address }];
      const judge = prometheusMetricJudge('node-0', check, 60_000);
      return judge(slotFacts(reading(0, true, stored(5)), { ...network, nodes }));
    };
    expect(expecting('10.0.0.1:8080')).toMatchObject({ state: 'OK' });
    expect(expecting('10.0.0.2:8080')).toMatchObject({
      state: 'UNKNOWN',
      detail: 'Prometheus scrapes 10.0.0.1:8080 as node-0, which is 10.0.0.2:8080',
    });
  });

  test('takes the raw counters since a restart that only the process itself tells of', () => {
    const errors: MetricCheck = {
      name: 'errors',
      source: 'prometheus',
      condition: { kind: 'ratio', bad: { metric: 'bad' }, total: { metric: 'all' }, max: 0.1 },
    };
    const judge = prometheusMetricJudge('node-0', errors, 5000);
    const at = (monoMs: number, all: number, wrong: number, seconds: number) => {
      const atMs = scrapedAtMs + monoMs;
      const samples = [
        { name: 'all', labels: {}, value: all, atMs },
        { name: 'bad', labels: {}, value: wrong, atMs },
      ];
      const seen = target(0, { samples, scrapesMs: [atMs], starts: [{ atMs, seconds }] });
      const given = { targets: { 'node-0': seen }, evaluatedAtMs: evaluatedAtMs + monoMs };
      return judge(slotFacts(reading(monoMs, true, stored(0, given)), network));
    };
    expect(at(0, 1000, 0, 1000)).toMatchObject({ state: 'OK' });
    expect(at(10_000, 1010, 0, 1000)).toMatchObject({ state: 'OK' });
    // 540 errors of 600 since the restart; the difference to the reading before would show 0 of none.
    expect(at(12_000, 1011, 540, 1011)).toMatchObject({ state: 'BAD' });
  });
});
