import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { RunReporter } from '../engine/session.ts';
import { httpTransport } from '../gates/http-transport.ts';
import type { Plan, RunRecord } from '../journal/records.ts';
import { createAnnotator } from '../report/annotations.ts';
import { keepMetricsFile } from '../report/metrics-file.ts';
import type { BreakerFigures } from '../report/run-metrics.ts';
import type { MonitoringTopology } from '../topology/topology.ts';
import { createReporter } from './progress.ts';

export interface RunListenerOptions {
  testnet: string;
  runbook: string;
  /** So that the console can say what a step will do. */
  plan?: Plan | undefined;
  runId: string;
  runDir: string;
  /** Where there is a Grafana, it is given annotations. */
  monitoring?: Pick<MonitoringTopology, 'ports' | 'images' | 'grafanaPasswordFile'> | undefined;
  /** Nothing is printed while the run goes on. */
  json?: boolean | undefined;
  /** Serve the run's metrics on this port of loopback. */
  metricsPort?: number | undefined;
  breakers?: (() => readonly BreakerFigures[]) | undefined;
  /** Records of a run that is resumed; the listeners see them first. */
  past?: readonly RunRecord[];
}

/** Told of all that happens in a run; `close` is called after its end, and takes a few seconds at most. */
export interface RunListeners extends Required<RunReporter> {
  close(): Promise<void>;
}

/**
 * Everything that follows a run: the console, its metrics file and port, and Grafana. What goes wrong in one of them is told on standard
 * error and concerns neither the others nor the run; only a metrics port that cannot be had refuses the run.
 */
export async function createRunListeners(options: RunListenerOptions): Promise<RunListeners> {
  const { testnet, runbook, plan, runId, runDir, monitoring, metricsPort, breakers, past = [] } = options;
  const warn = (text: string): void => void process.stderr.write(`${text}\n`);
  const { createRunMetrics } = await import('../report/run-metrics.ts');
  const metrics = createRunMetrics({ testnet, runbook, runId, breakers });
  for (const record of past) metrics.onRecord(record);
  const server =
    metricsPort === undefined
      ? undefined
      : await (await import('./metrics-server.ts')).serveMetrics(metrics, metricsPort);
  if (server) warn(`metrics of this run: ${server.url}`);
  const annotator = monitoring && createGrafanaAnnotator(options, monitoring);
  const console = await createReporter({ runId, plan, json: options.json });
  let file: { close(): Promise<void> } | undefined;
  const followers = [console.onRecord, metrics.onRecord, annotator?.onRecord].filter((each) => each !== undefined);
  return {
    onRecord(record) {
      // The run's folder is there only now.
      file ??= keepMetricsFile({ runDir, metrics, clock: systemClock, onProblem: warn });
      for (const follow of followers) {
        try {
          follow(record);
        } catch (error) {
          warn(`a record could not be told: ${messageOf(error)}`);
        }
      }
    },
    onGate: (progress) => console.onGate?.(progress),
    async close() {
      console.close();
      await Promise.allSettled([file?.close(), server?.close(), annotator?.close()]);
      const lost = annotator?.tally.lost ?? 0;
      if (lost > 0) warn(`Grafana did not take ${lost} annotations: ${annotator?.tally.problem ?? 'it was too slow'}`);
    },
  };
}

function createGrafanaAnnotator(
  { testnet, runbook }: RunListenerOptions,
  { ports, images, grafanaPasswordFile }: NonNullable<RunListenerOptions['monitoring']>,
) {
  if (images.grafana === undefined) return undefined;
  return createAnnotator({
    url: `http://127.0.0.1:${ports.grafana}`,
    passwordFile: grafanaPasswordFile,
    transport: httpTransport(systemClock),
    clock: systemClock,
    testnet,
    runbook,
  });
}
