import { dashboardsFolder, datasourceUid, provisioningFolder } from './services.ts';
import { durationText, yamlText } from './prometheus.ts';

export interface GrafanaInputs {
  /** As Grafana reaches it. */
  prometheusUrl: string;
  scrapeIntervalMs: number;
  /** Folder of the dashboards, as Grafana sees it. */
  dashboardsFolder?: string;
}

/** Grafana's provisioning files, by path below the provisioning folder. */
export function grafanaProvisioning(inputs: GrafanaInputs): Record<string, string> {
  return {
    'datasources/prometheus.yaml': yamlText({
      apiVersion: 1,
      datasources: [
        {
          name: 'Prometheus',
          uid: datasourceUid,
          type: 'prometheus',
          access: 'proxy',
          url: inputs.prometheusUrl,
          isDefault: true,
          editable: false,
          // $__rate_interval is made of it: a wrong one leaves rate() with too few samples.
          jsonData: { timeInterval: durationText(inputs.scrapeIntervalMs), httpMethod: 'POST' },
        },
      ],
    }),
    'dashboards/seatrial.yaml': yamlText({
      apiVersion: 1,
      providers: [
        {
          name: 'seatrial',
          type: 'file',
          folder: 'Seatrial',
          disableDeletion: true,
          allowUiUpdates: false,
          options: { path: inputs.dashboardsFolder ?? dashboardsFolder },
        },
      ],
    }),
  };
}

/** The same by absolute path in the container. */
export function provisioningFiles(inputs: GrafanaInputs): Record<string, string> {
  return Object.fromEntries(
    Object.entries(grafanaProvisioning(inputs)).map(([path, content]) => [`${provisioningFolder}/${path}`, content]),
  );
}
