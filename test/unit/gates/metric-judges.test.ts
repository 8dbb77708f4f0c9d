import { describe, expect, test } from 'vitest';
import { prometheusMetricJudge } from '../../../src/gates/metric-judges.ts';
import type { PrometheusReading, SlotReading } from '../../../src/gates/readings.ts';
import { slotFacts } from '../../../src/gates/slot-facts.ts';
import type { MetricCheck } from '../../../src/spec/profile.ts';

const query = 'queue{testnet="local"}';
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

function stored(value: number, given: Partial<PrometheusReading> = {}): PrometheusReading {
  return {
    evaluatedAtMs: startedAtMs + 10_000,
    up: { 'node-0': 1 },
    results: { [query]: { ok: true, value: { 'node-0': [{ name: 'queue', labels: {}, value }] } } },
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
  const judge = prometheusMetricJudge('node-0', check, 60_000, 'local');
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
    const judge = prometheusMetricJudge('node-0', check, 60_000, 'local');
    const down = stored(5, { up: { 'node-0': 0 } });
    const at = (monoMs: number, prometheus = down) => judge(slotFacts(reading(monoMs, true, prometheus), network));
    expect(at(0)).toMatchObject({ state: 'UNKNOWN', reason: 'scrape-path' });
    expect(at(119_000)).toMatchObject({ state: 'UNKNOWN' });
    expect(at(120_000)).toMatchObject({ state: 'BAD' });
    expect(at(121_000, stored(5))).toMatchObject({ state: 'OK' });
    expect(at(122_000)).toMatchObject({ state: 'UNKNOWN' });
  });

  test('is BAD when neither Prometheus nor the probe reaches the node', () => {
    expect(judgeOnce(false, stored(5, { up: { 'node-0': 0 } }))).toMatchObject({ state: 'BAD' });
  });

  test('is UNKNOWN when there is no up series', () => {
    for (const isAlive of [true, false]) {
      expect(judgeOnce(isAlive, stored(5, { up: {} }))).toMatchObject({
        state: 'UNKNOWN',
        reason: 'series-set-mismatch',
      });
    }
  });

  test('is UNKNOWN when Prometheus cannot be asked', () => {
    for (const isAlive of [true, false]) {
      expect(judgeOnce(isAlive, stored(5, { error: 'refused', up: {}, results: {} }))).toMatchObject({
        state: 'UNKNOWN',
        reason: 'query-error',
      });
    }
  });

  test('is UNKNOWN when its query failed, or found no series of the node', () => {
    const failed = stored(5, { results: { [query]: { ok: false, error: 'parse error' } } });
    expect(judgeOnce(true, failed)).toMatchObject({ state: 'UNKNOWN', reason: 'query-error', detail: 'parse error' });
    const empty = stored(5, { results: { [query]: { ok: true, value: {} } } });
    expect(judgeOnce(true, empty)).toMatchObject({ state: 'UNKNOWN', reason: 'empty' });
  });

  test('is UNKNOWN about a time before the present start', () => {
    expect(judgeOnce(true, stored(5, { evaluatedAtMs: startedAtMs - 1 }))).toMatchObject({
      state: 'UNKNOWN',
      reason: 'stale',
    });
  });
});
