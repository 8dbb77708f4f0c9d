import { grafanaProvisioning } from '../src/topology/monitoring/grafana.ts';
import { servicePorts } from '../src/topology/monitoring/services.ts';
import { fleetDashboard } from './fleet.ts';

/**
 * The files of this folder that are generated, by path below it: the fleet dashboard without any system's panels, from which
 * testnets are resolved, and provisioning files for a Grafana of one's own beside a Prometheus of that name.
 */
export function rendered(): Record<string, string> {
  const provisioning = grafanaProvisioning({
    prometheusUrl: `http://prometheus:${servicePorts.prometheus}`,
    scrapeIntervalMs: 5_000,
  });
  return {
    'dashboards/fleet.json': `${JSON.stringify(fleetDashboard(), null, 2)}\n`,
    ...Object.fromEntries(Object.entries(provisioning).map(([path, content]) => [`provisioning/${path}`, content])),
  };
}
