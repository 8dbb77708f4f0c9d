import type { SystemProfile } from '../../spec/profile.ts';

/** The parts of a Grafana dashboard's JSON that are read or written here; everything else is carried along as it is. */
export interface Dashboard {
  uid?: string | undefined;
  title?: string | undefined;
  panels?: DashboardPanel[] | undefined;
  [key: string]: unknown;
}

interface DashboardPanel {
  type: string;
  title?: string | undefined;
  id?: number | undefined;
  gridPos?: { x: number; y: number; w: number; h: number } | undefined;
  targets?: DashboardTarget[] | undefined;
  fieldConfig?: { defaults: Record<string, unknown>; [key: string]: unknown } | undefined;
  /** Panels of a collapsed row. */
  panels?: DashboardPanel[] | undefined;
  [key: string]: unknown;
}

interface DashboardTarget {
  expr?: string | undefined;
  legendFormat?: string | undefined;
  [key: string]: unknown;
}

export interface DashboardQuery {
  panel: string;
  /** As it stands in the panel, Grafana's variables included. */
  query: string;
}

const gridWidth = 24;
const panelSize = { w: 8, h: 8 };

/**
 * The dashboard with a row of the system's own panels at its end. They take the looks of the first time series panel that is
 * there, so that the dashboard looks as one and needs no dashboard library where testnets are resolved.
 */
export function appendPanels(
  dashboard: Dashboard,
  rowTitle: string,
  systemPanels: NonNullable<SystemProfile['panels']>,
): Dashboard {
  if (systemPanels.length === 0) return dashboard;
  const panels = dashboard.panels ?? [];
  const model = panels.find((panel) => panel.type === 'timeseries');
  const [modelTarget] = model?.targets ?? [];
  if (!model || !modelTarget) throw new Error(`dashboard ${dashboard.title ?? ''} has no time series panel to follow`);
  const firstY = Math.max(...panels.map(({ gridPos }) => (gridPos ? gridPos.y + gridPos.h : 0)));
  const firstId = Math.max(...panels.map(({ id }) => id ?? 0)) + 1;
  const perRow = gridWidth / panelSize.w;
  const row: DashboardPanel = {
    type: 'row',
    title: rowTitle,
    id: firstId,
    collapsed: false,
    gridPos: { x: 0, y: firstY, w: gridWidth, h: 1 },
    panels: [],
  };
  const own = systemPanels.map((panel, index): DashboardPanel => ({
    ...structuredClone(model),
    title: panel.title,
    description: undefined,
    id: firstId + 1 + index,
    gridPos: {
      ...panelSize,
      x: (index % perRow) * panelSize.w,
      y: firstY + 1 + Math.floor(index / perRow) * panelSize.h,
    },
    targets: [{ ...structuredClone(modelTarget), expr: panel.query, legendFormat: panel.legend }],
    fieldConfig: { overrides: [], ...model.fieldConfig, defaults: { ...styleOf(model), unit: panel.unit } },
  }));
  return { ...dashboard, panels: [...panels, row, ...own] };
}

/** What is a matter of looks in a panel's field defaults; limits and mappings belong to the model's own values. */
function styleOf(model: DashboardPanel): Record<string, unknown> {
  const custom = model.fieldConfig?.defaults['custom'];
  return custom === undefined ? {} : { custom: structuredClone(custom) };
}

/** Every Prometheus query of a dashboard, panels of collapsed rows included. */
export function dashboardQueries(dashboard: Pick<Dashboard, 'panels'>): DashboardQuery[] {
  return (dashboard.panels ?? []).flatMap((panel) => [
    ...(panel.targets ?? []).flatMap(({ expr }) =>
      expr === undefined ? [] : [{ panel: panel.title ?? '', query: expr }],
    ),
    ...dashboardQueries(panel),
  ]);
}

/** A query as Grafana would send it: with the variables replaced. `node` defaults to all, the intervals to a minute. */
export function resolveQuery(
  query: string,
  variables: { testnet: string; node?: string; rateInterval?: string; range?: string },
): string {
  const values: Record<string, string> = {
    testnet: variables.testnet,
    node: variables.node ?? '.+',
    __rate_interval: variables.rateInterval ?? '1m',
    __range: variables.range ?? '1m',
  };
  return query.replaceAll(/\$\{?(\w+)\}?/g, (whole, name: string) => values[name] ?? whole);
}
