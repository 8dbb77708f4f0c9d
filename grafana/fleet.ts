import * as common from '@grafana/grafana-foundation-sdk/common';
import * as board from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { appendPanels, type Dashboard } from '../src/topology/monitoring/dashboard.ts';
import { datasourceUid, fleetDashboardUid, nodesJob } from '../src/topology/monitoring/services.ts';

interface FleetDashboardOptions {
  /** Title of the row with the system's own panels. Default: the system has none. */
  systemTitle?: string;
  panels?: Parameters<typeof appendPanels>[2];
}

const datasource = { type: 'prometheus', uid: datasourceUid };
/** Selects the nodes that the dashboard's variables name. */
const nodes = `job="${nodesJob}",testnet="$testnet",node=~"$node"`;

/**
 * The fleet dashboard. Its own part asks only for what every Prometheus client exports (`up`, `process_*`, scrape and alert
 * series); everything that belongs to one system comes with `panels`.
 */
export function fleetDashboard({ systemTitle = '', panels = [] }: FleetDashboardOptions = {}): Dashboard {
  const id = counter();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the classic format: its successor needs Grafana 12, older ones run
  const dashboard = new board.DashboardBuilder('Fleet')
    .uid(fleetDashboardUid)
    .tags(['seatrial'])
    .timezone('browser')
    .time({ from: 'now-15m', to: 'now' })
    .refresh('5s')
    .tooltip(board.DashboardCursorSync.Crosshair)
    .withVariable(testnetVariable())
    .withVariable(nodeVariable())
    .annotation(runAnnotations())
    .withRow(new board.RowBuilder('Fleet').id(id()))
    .withPanel(stat('Nodes up', `sum(up{job="${nodesJob}",testnet="$testnet"})`).id(id()))
    .withPanel(stat('Nodes scraped', `count(up{job="${nodesJob}",testnet="$testnet"})`).id(id()))
    .withPanel(
      stat('Alerts firing', 'count(ALERTS{alertstate="firing"}) - 1')
        .id(id())
        .description('The Watchdog, which fires always, is not counted. No data means that rules are not evaluated.')
        .thresholds(
          new board.ThresholdsConfigBuilder().mode(board.ThresholdsMode.Absolute).steps([
            { value: null, color: 'green' },
            { value: 1, color: 'red' },
          ]),
        ),
    )
    .withPanel(stat('Starts in range', `sum(changes(process_start_time_seconds{${nodes}}[$__range]))`).id(id()))
    .withPanel(series('Answers scrapes', 'short', `up{${nodes}}`).id(id()).min(0).max(1).decimals(0))
    .withPanel(series('Time since start', 's', `time() - process_start_time_seconds{${nodes}}`).id(id()))
    .withPanel(series('Scrape duration', 's', `scrape_duration_seconds{${nodes}}`).id(id()))
    .withRow(new board.RowBuilder('Resources').id(id()))
    .withPanel(series('Memory', 'bytes', `process_resident_memory_bytes{${nodes}}`).id(id()).min(0))
    .withPanel(
      series('CPU cores', 'short', `rate(process_cpu_seconds_total{${nodes}}[$__rate_interval])`).id(id()).min(0),
    )
    .withPanel(series('Open files', 'short', `process_open_fds{${nodes}}`).id(id()).min(0))
    .withRow(new board.RowBuilder('Alerts').id(id()))
    .withPanel(
      series('Alerts firing', 'short', 'sum by (alertname) (ALERTS{alertstate="firing"})', '{{alertname}}')
        .id(id())
        .span(24)
        .drawStyle(common.GraphDrawStyle.Bars),
    )
    .build();
  const plain = JSON.parse(JSON.stringify(dashboard)) as Dashboard;
  return appendPanels(plain, systemTitle, panels);
}

function counter(): () => number {
  let last = 0;
  return () => ++last;
}

function prometheusQuery(query: string, legend: string): DataqueryBuilder {
  return new DataqueryBuilder().refId('A').datasource(datasource).expr(query).legendFormat(legend);
}

function stat(title: string, query: string): StatBuilder {
  return new StatBuilder()
    .title(title)
    .datasource(datasource)
    .span(6)
    .height(4)
    .unit('short')
    .colorMode(common.BigValueColorMode.Value)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .withTarget(prometheusQuery(query, ''));
}

function series(title: string, unit: string, query: string, legend = '{{node}}'): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title(title)
    .datasource(datasource)
    .span(8)
    .height(8)
    .unit(unit)
    .lineWidth(1)
    .fillOpacity(5)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .calcs([]),
    )
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi))
    .withTarget(prometheusQuery(query, legend));
}

function testnetVariable(): board.QueryVariableBuilder {
  return new board.QueryVariableBuilder('testnet')
    .label('Testnet')
    .datasource(datasource)
    .query(`label_values(up{job="${nodesJob}"}, testnet)`)
    .refresh(board.VariableRefresh.OnTimeRangeChanged)
    .sort(board.VariableSort.AlphabeticalAsc);
}

function nodeVariable(): board.QueryVariableBuilder {
  return (
    new board.QueryVariableBuilder('node')
      .label('Node')
      .datasource(datasource)
      .query(`label_values(up{job="${nodesJob}",testnet="$testnet"}, node)`)
      .refresh(board.VariableRefresh.OnTimeRangeChanged)
      .sort(board.VariableSort.NaturalAsc)
      .multi(true)
      .includeAll(true)
      // Not `.*`, which would also take series that belong to no node.
      .allValue('.+')
      .current({ selected: true, text: 'All', value: '$__all' })
  );
}

/** Steps, gates and faults of runs, as far as a run has left annotations. */
function runAnnotations(): board.AnnotationQueryBuilder {
  const tags = new board.AnnotationTargetBuilder()
    .type('tags')
    .tags(['seatrial', 'testnet:$testnet'])
    .matchAny(false)
    .limit(500)
    .build();
  return (
    new board.AnnotationQueryBuilder()
      .name('Runs')
      .datasource({ type: 'grafana', uid: '-- Grafana --' })
      .enable(true)
      .iconColor('blue')
      // The builder of a tag query is typed as no query, though it is one.
      .target({ build: () => ({ ...tags, _implementsDataqueryVariant: () => undefined }) })
  );
}
