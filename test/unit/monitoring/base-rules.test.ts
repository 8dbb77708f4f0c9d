import { describe, expect, test } from 'vitest';
import { baseRules } from '../../../src/topology/monitoring/base-rules.ts';
import { alertNames, expectFiring, type InputSeries } from '../../helpers/alerts.ts';
import { hasProgram } from '../../helpers/programs.ts';

const rules = baseRules({ testnet: 'dev', scrapeIntervalMs: 5_000, nodeCount: 2 });

function healthy(): InputSeries {
  return {
    'up{job="nodes",testnet="dev",node="a"}': '1x40',
    'up{job="nodes",testnet="dev",node="b"}': '1x40',
    'process_start_time_seconds{job="nodes",testnet="dev",node="a"}': '100x40',
    prometheus_config_last_reload_successful: '1x40',
    'prometheus_notifications_errors_total{alertmanager="x"}': '0x40',
  };
}

const cases: Record<string, { change: InputSeries }> = {
  NodeDown: { change: { 'up{job="nodes",testnet="dev",node="b"}': '1x10 0x30' } },
  NodesNotScraped: { change: { 'up{job="nodes",testnet="dev",node="b"}': '1x10 stale' } },
  NodeRestarting: {
    change: { 'process_start_time_seconds{job="nodes",testnet="dev",node="a"}': '100 100 110 110 120 130x36' },
  },
  PrometheusConfigNotLoaded: { change: { prometheus_config_last_reload_successful: '1x10 0x30' } },
  AlertsNotDelivered: { change: { 'prometheus_notifications_errors_total{alertmanager="x"}': '0+1x40' } },
};

test('every base alert but the Watchdog has a case that fires it', () => {
  expect(Object.keys(cases).sort()).toEqual(
    alertNames(rules)
      .filter((name) => name !== 'Watchdog')
      .sort(),
  );
});

describe.skipIf(!hasProgram('promtool'))('base alerts (needs promtool)', () => {
  test('a healthy testnet fires the Watchdog alone', () => expectFiring(rules, healthy(), '2m', { Watchdog: 1 }));

  test.each(Object.entries(cases))('%s fires when its cause is there, and no other does', (name, { change }) =>
    expectFiring(rules, { ...healthy(), ...change }, '2m', { Watchdog: 1, [name]: 1 }),
  );

  test('nodes that vanished altogether are noticed', () =>
    expectFiring(rules, { prometheus_config_last_reload_successful: '1x40' }, '2m', {
      Watchdog: 1,
      NodesNotScraped: 1,
    }));

  test('the assertion itself fails when an expected alert does not fire', async () => {
    await expect(expectFiring(rules, healthy(), '2m', { Watchdog: 1, NodeDown: 1 })).rejects.toThrow('FAILED');
  });
});
