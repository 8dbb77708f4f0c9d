import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fleetDashboard } from '../../../grafana/fleet.ts';
import { rendered } from '../../../grafana/rendered.ts';
import { appendPanels, dashboardQueries, resolveQuery } from '../../../src/topology/monitoring/dashboard.ts';
import { panels } from '../../../systems/reference/panels.ts';

const grafanaFolder = join(import.meta.dirname, '../../../grafana');

test.each(Object.keys(rendered()))('grafana/%s is what `node grafana/render.ts` writes', async (path) => {
  expect(await readFile(join(grafanaFolder, path), 'utf8')).toBe(rendered()[path]);
});

describe('the fleet dashboard', () => {
  test('asks in its own part only for what every system exports', () => {
    const queries = dashboardQueries(fleetDashboard());
    expect(queries.length).toBeGreaterThan(8);
    for (const { panel, query } of queries) {
      expect(query, panel).toMatch(/\bup\{|process_|scrape_duration_seconds\{|ALERTS\{/);
      expect(query, panel).not.toMatch(/refchain/);
    }
  });

  test('shows every panel of the system once, in a row of its own below the rest', () => {
    const own = fleetDashboard();
    const whole = fleetDashboard({ systemTitle: 'Reference chain', panels });
    expect(dashboardQueries(whole).slice(dashboardQueries(own).length)).toEqual(
      panels.map(({ title, query }) => ({ panel: title, query })),
    );
    expect(whole.panels?.[own.panels?.length ?? 0]).toMatchObject({ type: 'row', title: 'Reference chain' });
  });

  test('lays its panels on the grid without two of them overlapping, each with an id of its own', () => {
    const all = fleetDashboard({ systemTitle: 'Reference chain', panels }).panels ?? [];
    const cells = all.flatMap(({ gridPos }) => {
      const { x, y, w, h } = gridPos ?? { x: 0, y: 0, w: 0, h: 0 };
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`);
    });
    expect(cells.length).toBeGreaterThan(1000);
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  test('gives system panels the looks of its own but neither their limits nor their description', () => {
    const panel = fleetDashboard({ systemTitle: 'Reference chain', panels }).panels?.at(-1);
    expect(panel?.fieldConfig?.defaults).toEqual({ custom: { lineWidth: 1, fillOpacity: 5 }, unit: 'none' });
    expect(panel?.['description']).toBeUndefined();
    expect(panel?.targets).toMatchObject([{ datasource: { uid: 'Prometheus' } }]);
  });
});

test('a dashboard without a time series panel cannot take system panels', () => {
  expect(() => appendPanels({ title: 'Empty', panels: [] }, 'Row', panels)).toThrow('Empty has no time series panel');
});

test('queries are found in collapsed rows too', () => {
  const inner = { type: 'timeseries', title: 'Inner', targets: [{ expr: 'up' }, { query: 'not Prometheus' }] };
  expect(dashboardQueries({ panels: [{ type: 'row', panels: [inner] }] })).toEqual([{ panel: 'Inner', query: 'up' }]);
});

test('variables are replaced as Grafana does, and what is no variable of the dashboard is left alone', () => {
  const query = 'rate(x{testnet="$testnet",node=~"${node}"}[$__rate_interval]) + $other';
  expect(resolveQuery(query, { testnet: 'dev' })).toBe('rate(x{testnet="dev",node=~".+"}[1m]) + $other');
  expect(resolveQuery(query, { testnet: 'dev', node: 'a', rateInterval: '4s' })).toContain('node=~"a"}[4s]');
});
