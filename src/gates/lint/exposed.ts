import { messageOf } from '../../core/errors.ts';
import type { Lab } from '../../lab/lab.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import type { Topology } from '../../topology/topology.ts';
import { createProbeClient, type HttpTransport } from '../probe-client.ts';
import { parsePrometheusText } from '../prometheus-text.ts';
import type { MetricSample } from '../readings.ts';
import { asRecord } from '../stored-series.ts';

/** What a running testnet really exposes. */
export interface Exposed {
  /** Names of metrics, with or without a series. */
  names: Set<string>;
  samples: MetricSample[];
}

export interface LookOptions {
  topology: Topology;
  profile: SystemProfile;
  lab: Lab;
  transport: HttpTransport;
  signal?: AbortSignal | undefined;
}

const timeoutMs = 5000;
const maxBytes = 64 * 1024 * 1024;

/** What the nodes' own metrics pages expose; `failures` are nodes whose page could not be read. */
export async function exposedByNodes(options: LookOptions): Promise<Exposed & { failures: string[] }> {
  const { topology, profile, lab, transport, signal } = options;
  const exposed: Exposed & { failures: string[] } = { names: new Set(), samples: [], failures: [] };
  const { metrics } = profile;
  if (!metrics) return exposed;
  await Promise.all(
    topology.nodes.map(async (node) => {
      const baseUrl = (port: string): string => lab.endpoint(node, port);
      const client = createProbeClient({ baseUrl, transport, timeoutMs, maxBytes, signal });
      try {
        const page = parsePrometheusText(await client.getText(metrics.port, metrics.path));
        for (const name of page.exposed) exposed.names.add(name);
        for (const sample of page.samples) exposed.samples.push(sample);
      } catch (cause) {
        exposed.failures.push(`${node.name}: ${messageOf(cause)}`);
      }
    }),
  );
  return exposed;
}

export interface PrometheusLook {
  baseUrl: string;
  transport: HttpTransport;
  signal?: AbortSignal | undefined;
}

/** Every name that Prometheus has a series of, or was told of by a target. Rejects when it does not answer. */
export async function namesInPrometheus(look: PrometheusLook): Promise<Set<string>> {
  const [names, metadata] = await Promise.all([
    askPrometheus(look, '/api/v1/label/__name__/values'),
    askPrometheus(look, '/api/v1/metadata'),
  ]);
  const declared = Object.entries(asRecord(metadata)).flatMap(([name, entries]) => {
    const [first] = entries as { type?: string }[];
    const parts = first?.type === 'histogram' || first?.type === 'summary' ? ['_bucket', '_sum', '_count'] : [];
    return [name, ...parts.map((part) => name + part)];
  });
  return new Set([...(names as string[]), ...declared]);
}

/** Why Prometheus cannot evaluate an expression; undefined when it can. */
export async function expressionError(look: PrometheusLook, expression: string): Promise<string | undefined> {
  const path = `/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`;
  return askPrometheus(look, path).then(
    () => undefined,
    (cause: unknown) => messageOf(cause),
  );
}

export async function askPrometheus({ baseUrl, transport, signal }: PrometheusLook, path: string): Promise<unknown> {
  const { text } = await transport({ method: 'GET', url: baseUrl + path, timeoutMs, maxBytes, signal });
  const { status, error, data } = asRecord(JSON.parse(text));
  if (status !== 'success') throw new Error(typeof error === 'string' ? error : 'Prometheus did not succeed');
  return data;
}
