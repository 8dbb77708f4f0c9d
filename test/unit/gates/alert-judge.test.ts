import { describe, expect, test } from 'vitest';
import { alertJudge } from '../../../src/gates/alert-judge.ts';
import type { AlertRule, PrometheusReading, SlotReading } from '../../../src/gates/readings.ts';
import { slotFacts, type NetworkFacts } from '../../../src/gates/slot-facts.ts';
import type { AlertCheck } from '../../../src/spec/profile.ts';

const nowMs = 1_000_000;
const network: NetworkFacts = {
  testnet: 'local',
  nodes: [{ name: 'node-0', votingPower: 1 }],
  quorum: 'none',
  availability: 'keep',
};
const check: AlertCheck = {
  name: 'alerts',
  source: 'alerts',
  condition: { kind: 'alerts', names: ['QueueLong'], severities: ['critical'] },
};

function rule(name: string, given: Partial<AlertRule> = {}): AlertRule {
  return { name, health: 'ok', evaluatedAtMs: nowMs - 500, intervalMs: 5000, forMs: 0, alerts: [], ...given };
}

const watchdog = rule('Watchdog', { alerts: [{ state: 'firing' }] });
const firing = { alerts: [{ state: 'firing', node: 'node-0', summary: 'too long' }] };

function judge(rules: AlertRule[], given: Partial<PrometheusReading> = {}, startedAgoMs = 60_000) {
  const reading: SlotReading = {
    slot: 0,
    atMs: nowMs,
    monoMs: nowMs,
    leftOut: [],
    nodes: {
      'node-0': {
        observation: {
          ok: true,
          value: {
            node: 'node-0',
            state: 'running',
            identity: {
              digest: 'd',
              command: [],
              generation: 'g',
              startedAtMs: nowMs - startedAgoMs,
              instance: 'i',
              pid: 1,
            },
          },
        },
        liveness: { ok: true },
        status: { ok: true, value: {} },
      },
    },
    prometheus: {
      evaluatedAtMs: nowMs - 6000,
      clockAheadMs: 0,
      maxAgeMs: 11_000,
      targets: {
        'node-0': { instances: ['a:1'], up: 1, scrapesMs: [nowMs - 7000], starts: [], samples: [] },
      },
      rules: { ok: true, value: rules },
      ...given,
    },
  };
  const sample = alertJudge('node-0', check, true)(slotFacts(reading, network));
  if (!sample) throw new Error('the check said nothing');
  return sample;
}

describe('a check on alerts', () => {
  test('is OK while none of its alerts fires, and BAD when one does', () => {
    expect(judge([watchdog, rule('QueueLong'), rule('Other', firing)])).toEqual({ state: 'OK' });
    expect(judge([watchdog, rule('QueueLong', firing)])).toMatchObject({
      state: 'BAD',
      detail: 'the alert QueueLong fires: too long',
    });
    expect(judge([watchdog, rule('QueueLong'), rule('Down', { severity: 'critical', ...firing })]).state).toBe('BAD');
  });

  test('leaves other nodes’ alerts to them, takes those of no node, and waits while one is only pending', () => {
    const alerts = (alert: AlertRule['alerts'][number]) => judge([watchdog, rule('QueueLong', { alerts: [alert] })]);
    expect(alerts({ state: 'firing', node: 'node-1' })).toEqual({ state: 'OK' });
    expect(alerts({ state: 'firing' }).state).toBe('BAD');
    expect(alerts({ state: 'pending', node: 'node-0' })).toEqual({ state: 'OK' });
  });

  test.each<[string, AlertRule[], string]>([
    ['there is no watchdog', [rule('QueueLong')], 'rule-stale'],
    ['the watchdog does not fire', [rule('Watchdog'), rule('QueueLong')], 'rule-stale'],
    [
      'the rule was not evaluated for long',
      [watchdog, rule('QueueLong', { evaluatedAtMs: nowMs - 17_000 })],
      'rule-stale',
    ],
    ['the rule was never evaluated', [watchdog, rule('QueueLong', { health: 'unknown' })], 'rule-stale'],
    ['the rule fails', [watchdog, rule('QueueLong', { health: 'err', lastError: 'many' })], 'query-error'],
    ['there is no such rule', [watchdog, rule('Down', { severity: 'critical' })], 'vacuous'],
  ])('is UNKNOWN when %s', (_title, rules, reason) => {
    expect(judge(rules)).toMatchObject({ state: 'UNKNOWN', reason });
  });

  test('is UNKNOWN when the rule was evaluated before the node started', () => {
    expect(judge([watchdog, rule('QueueLong', firing)], {}, 100)).toMatchObject({ state: 'UNKNOWN', reason: 'stale' });
  });

  test('is UNKNOWN while an alert is pending that may have fired before Prometheus was restarted', () => {
    const pending = rule('QueueLong', { forMs: 15_000, alerts: [{ state: 'pending', node: 'node-0' }] });
    expect(judge([watchdog, pending], { ownStartedAtMs: nowMs - 30_000 })).toMatchObject({ reason: 'rule-stale' });
    expect(judge([watchdog, pending], { ownStartedAtMs: nowMs - 3_600_000 })).toEqual({ state: 'OK' });
  });

  test('is UNKNOWN when Prometheus cannot be asked, or does not scrape the node', () => {
    const rules = [watchdog, rule('QueueLong')];
    expect(judge(rules, { error: 'refused' })).toMatchObject({ reason: 'query-error' });
    expect(judge(rules, { rules: { ok: false, error: 'refused' } })).toMatchObject({ reason: 'query-error' });
    expect(judge(rules, { targets: {} })).toMatchObject({ reason: 'series-set-mismatch' });
  });
});
