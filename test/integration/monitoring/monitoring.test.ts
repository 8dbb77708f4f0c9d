import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeFileAtomic } from '../../../src/core/files.ts';
import { monitoringContainers } from '../../../src/topology/monitoring/containers.ts';
import { dashboardQueries, resolveQuery, type Dashboard } from '../../../src/topology/monitoring/dashboard.ts';
import { panels } from '../../../systems/reference/panels.ts';
import { alertNames } from '../../helpers/alerts.ts';
import { MonitoringStack, eventually, missingPrograms } from './stack.ts';

interface Vector {
  result: { metric: Record<string, string>; value: [number, string] }[];
}

const userRules = {
  name: 'mine.yml',
  content: 'groups:\n  - name: mine\n    rules:\n      - alert: Mine\n        expr: up > 2\n',
};
const suite =
  missingPrograms.length === 0 ? 'monitoring as rendered' : `monitoring (left out: no ${missingPrograms.join(', ')})`;

// Prometheus takes new targets over every five seconds, so that the first look takes as long.
describe.skipIf(missingPrograms.length > 0)(suite, { timeout: 30_000 }, () => {
  let stack: MonitoringStack;

  beforeAll(async () => {
    const alertRules = await readFile(join(import.meta.dirname, '../../../systems/reference/alert-rules.yml'), 'utf8');
    stack = await MonitoringStack.start({
      profile: {
        name: 'reference',
        title: 'Reference chain',
        metrics: { port: 'http', path: '/metrics' },
        alertRules,
        panels,
      },
      user: { rules: [userRules], dashboards: [] },
    });
  }, 60_000);
  afterAll(() => stack[Symbol.asyncDispose]());

  async function series(query: string): Promise<Vector['result']> {
    return ((await stack.ask('query', { query })) as Vector).result;
  }

  test('Prometheus loads every rule of every file', async () => {
    const { groups } = (await stack.ask('rules')) as { groups: { rules: { name: string }[] }[] };
    const loaded = groups.flatMap(({ rules }) => rules.map(({ name }) => name));
    expect(Object.keys(stack.monitoring.rules)).toHaveLength(3);
    expect(loaded.sort()).toEqual(Object.values(stack.monitoring.rules).flatMap(alertNames).sort());
  });

  test('every node is scraped under its own labels, and so are Prometheus and the Alertmanager', async () => {
    const up = await eventually('four targets to be up', async () => {
      const found = await series('up == 1');
      return found.length === 4 ? found : undefined;
    });
    const nodes = up.filter(({ metric }) => metric['job'] === 'nodes').map(({ metric }) => metric);
    expect(nodes.map(({ testnet, node, role }) => [testnet, node, role]).sort()).toEqual([
      ['golden', 'validator-0', 'validator'],
      ['golden', 'validator-1', 'validator'],
    ]);
  });

  test('the Watchdog fires and arrives at the Alertmanager with the testnet’s name', async () => {
    const labels = await eventually('the Watchdog to arrive', async () =>
      (await stack.arrivedAlerts()).find(({ alertname }) => alertname === 'Watchdog'),
    );
    expect(labels).toMatchObject({ testnet: 'golden', severity: 'none' });
  });

  test('every query of the fleet dashboard yields values', async () => {
    const fleet = JSON.parse(stack.monitoring.dashboards['fleet.json'] ?? '') as Dashboard;
    const queries = dashboardQueries(fleet);
    expect(queries.length).toBeGreaterThan(panels.length + 8);
    for (const { panel, query } of queries) {
      const resolved = resolveQuery(query, { testnet: 'golden' });
      await eventually(`panel ${panel} to have values: ${resolved}`, async () => {
        const values = (await series(resolved)).map(({ value }) => Number(value[1]));
        return (values.length > 0 && values.every(Number.isFinite)) || undefined;
      });
    }
  }, 60_000);

  test('the health checks of the containers succeed', async () => {
    const containers = monitoringContainers(stack.topology).filter(({ member }) => member !== 'grafana');
    expect(containers).toHaveLength(2);
    for (const { healthcheck } of containers) {
      const [kind, program = '', ...args] = (healthcheck?.test ?? []).map((part) => stack.swapPorts(part));
      expect(kind).toBe('CMD');
      await execa(program, args, { timeout: healthcheck?.timeoutMs ?? 0 });
    }
  });

  test('a node that stops answering is reported as down', async () => {
    const server = stack.nodes.get('validator-1');
    server?.closeAllConnections();
    server?.close();
    const labels = await eventually('NodeDown to arrive', async () =>
      (await stack.arrivedAlerts()).find(({ alertname }) => alertname === 'NodeDown'),
    );
    expect(labels).toMatchObject({ testnet: 'golden', node: 'validator-1', severity: 'critical' });
  });

  test('targets that are replaced by a rename are taken over without a restart', async () => {
    const [first] = JSON.parse(stack.monitoring.targets) as unknown[];
    await writeFileAtomic(join(stack.folder, 'etc/prometheus/targets/nodes.json'), JSON.stringify([first]));
    const labels = await eventually('NodesNotScraped to arrive', async () =>
      (await stack.arrivedAlerts()).find(({ alertname }) => alertname === 'NodesNotScraped'),
    );
    expect(labels).toMatchObject({ testnet: 'golden' });
  });
});
