import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { createMetrics } from '../../../node/metrics.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { writeFileAtomic } from '../../../src/core/files.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { buildMonitoring } from '../../../src/topology/monitoring/build-monitoring.ts';
import { monitoringContainers } from '../../../src/topology/monitoring/containers.ts';
import type { MonitoringTopology, Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { containerTopology, monitoringInputs } from '../../helpers/monitored-topology.ts';
import { hasProgram } from '../../helpers/programs.ts';
import { freePort } from '../../helpers/free-port.ts';

/** Debian's name of the program, and its own. */
const alertmanagerProgram = hasProgram('prometheus-alertmanager') ? 'prometheus-alertmanager' : 'alertmanager';

/** Programs that the stack needs and this machine lacks. */
export const missingPrograms = ['prometheus', alertmanagerProgram, 'promtool', 'amtool'].filter(
  (name) => !hasProgram(name),
);

type StackParts = Pick<Parameters<typeof buildMonitoring>[0], 'profile' | 'user'>;

/** A process, settled when it has ended. */
type Running = Promise<unknown> & { kill(signal: NodeJS.Signals): boolean };

/** Real Prometheus and Alertmanager processes that run the rendered configuration, on loopback. */
export class MonitoringStack implements AsyncDisposable {
  readonly folder: string;
  readonly urls: { prometheus: string; alertmanager: string };
  readonly monitoring: MonitoringTopology;
  /** Metrics servers by node name. */
  readonly nodes: Map<string, Server>;
  readonly topology: Topology;
  readonly #processes: Running[] = [];

  private constructor(
    folder: string,
    topology: Topology,
    monitoring: MonitoringTopology,
    nodes: Map<string, Server>,
    ports: { prometheus: number; alertmanager: number },
  ) {
    this.folder = folder;
    this.topology = topology;
    this.monitoring = monitoring;
    this.nodes = nodes;
    this.urls = {
      prometheus: `http://127.0.0.1:${ports.prometheus}`,
      alertmanager: `http://127.0.0.1:${ports.alertmanager}`,
    };
  }

  static async start(parts: StackParts): Promise<MonitoringStack> {
    const servers = new Map<string, Server>();
    const nodes: TopologyNode[] = [];
    for (const node of containerTopology().nodes) {
      const server = metricsServer(node.index);
      servers.set(node.name, server);
      const port = await listen(server);
      nodes.push({ ...node, address: '127.0.0.1', ports: [{ name: 'http', containerPort: port, hostPort: port }] });
    }
    const loopback = '127.0.0.1';
    const monitoring = buildMonitoring({
      ...monitoringInputs(),
      ...parts,
      nodes,
      addresses: { prometheus: loopback, alertmanager: loopback, grafana: loopback },
    });
    const folder = await mkdtemp(join(tmpdir(), 'seatrial-monitoring-'));
    const ports = { prometheus: await freePort(), alertmanager: await freePort() };
    const topology = { ...containerTopology(), nodes, monitoring };
    const stack = new MonitoringStack(folder, topology, monitoring, servers, ports);
    try {
      await stack.#run();
    } catch (error) {
      await stack[Symbol.asyncDispose]();
      throw error;
    }
    return stack;
  }

  /** Inside a container each service has its own address and port; here they share loopback, so ports and paths are swapped. */
  async #run(): Promise<void> {
    for (const { member, uploads, command } of monitoringContainers(this.topology)) {
      if (member === 'grafana') continue;
      for (const { path, content } of uploads) {
        await writeFileAtomic(join(this.folder, path), this.swapPorts(content));
      }
      const port = this.port(member);
      const flags = command.map((flag) =>
        flag.replace('=/', `=${this.folder}/`).replace(/external-url=.*/, `external-url=http://127.0.0.1:${port}/`),
      );
      const program = member === 'prometheus' ? 'prometheus' : alertmanagerProgram;
      const child = execa(program, [...flags, `--web.listen-address=127.0.0.1:${port}`], {
        reject: false,
        all: true,
        buffer: false,
        stdout: { file: join(this.folder, `${member}.log`) },
        stderr: { file: join(this.folder, `${member}.log`) },
      });
      this.#processes.push(child);
    }
    for (const url of Object.values(this.urls)) {
      await eventually(`${url} to be ready`, async () => (await fetch(`${url}/-/ready`)).ok || undefined);
    }
  }

  port(service: string): number {
    return Number(new URL(service === 'prometheus' ? this.urls.prometheus : this.urls.alertmanager).port);
  }

  swapPorts(text: string): string {
    return text
      .replaceAll('127.0.0.1:9090', `127.0.0.1:${this.port('prometheus')}`)
      .replaceAll('127.0.0.1:9093', `127.0.0.1:${this.port('alertmanager')}`);
  }

  /** `data` of an answer of Prometheus' API; rejects with its error. */
  async ask(path: string, query: Record<string, string> = {}): Promise<unknown> {
    const response = await fetch(`${this.urls.prometheus}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
    const body = (await response.json()) as { status: string; data: unknown; error?: string };
    if (body.status !== 'success') throw new Error(`${JSON.stringify(query)}: ${body.error}`);
    return body.data;
  }

  /** Labels of the alerts that have arrived at the Alertmanager. */
  async arrivedAlerts(): Promise<Record<string, string>[]> {
    const response = await fetch(`${this.urls.alertmanager}/api/v2/alerts`);
    return ((await response.json()) as { labels: Record<string, string> }[]).map(({ labels }) => labels);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) child.kill('SIGTERM');
    await Promise.all(this.#processes);
    for (const server of this.nodes.values()) {
      server.closeAllConnections();
      server.close();
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Waits at most 20 s. */
export function eventually<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  return waitFor(attempt, { clock: systemClock, what, timeoutMs: 20_000, intervalMs: 100 });
}

/** Serves the reference node's own metrics; every scrape is a block with ten transactions. */
function metricsServer(index: number): Server {
  let height = 100 - index;
  const { registry, committed, request } = createMetrics('1.0.0', ['validator-0'], () => {
    return { height, round: 0, peers: 1, mempool: 3, power: 1, tss: 0 };
  });
  return createServer((_request, response) => {
    height++;
    committed(10, 0);
    request('/metrics', 200, 0.002);
    void registry.metrics().then((text) => response.end(text));
  });
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
