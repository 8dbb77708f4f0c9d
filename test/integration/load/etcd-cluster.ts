import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { httpTransport } from '../../../src/gates/http-transport.ts';
import { createProbeClient } from '../../../src/gates/probe-client.ts';
import type { NetworkPlan, NodePlan, ProbeClient } from '../../../src/spec/profile.ts';
import profile from '../../fixtures/systems/etcd/profile.ts';
import { freePort } from '../../helpers/free-port.ts';

export const operationTimeoutMs = 2_500;

/** Three members on loopback as real processes. */
export class EtcdCluster {
  readonly clients: ReadonlyMap<string, ProbeClient>;
  readonly #network: NetworkPlan;
  readonly #running = new Map<string, ChildProcess>();

  private constructor(network: NetworkPlan) {
    this.#network = network;
    const transport = httpTransport(systemClock);
    this.clients = new Map(
      network.nodes.map(({ name, ports }) => {
        const baseUrl = (port: string): string => `http://127.0.0.1:${ports[port]}`;
        return [name, createProbeClient({ baseUrl, transport, timeoutMs: operationTimeoutMs })];
      }),
    );
  }

  static async create(folder: string): Promise<EtcdCluster> {
    const nodes: NodePlan[] = [];
    for (const [index, name] of ['member-0', 'member-1', 'member-2'].entries()) {
      const dataDir = join(folder, name);
      await mkdir(dataDir, { mode: 0o700 });
      nodes.push({
        ...{ name, role: 'member', index, votingPower: 1, dataDir, configDir: folder, secretsDir: folder, flags: {} },
        ...{ address: '127.0.0.1', listenAddress: '127.0.0.1' },
        ports: { client: await freePort(), peer: await freePort() },
      });
    }
    const cluster = new EtcdCluster({ testnet: 'test', nodes, publicKeys: {} });
    for (const { name } of nodes) cluster.start(name);
    await cluster.serving();
    return cluster;
  }

  start(name: string): void {
    const node = this.#network.nodes.find((one) => one.name === name);
    if (!node) throw new Error(`no member ${name}`);
    const child = spawn('etcd', profile.command(node, this.#network), { stdio: 'ignore' });
    this.#running.set(name, child);
  }

  signal(name: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#running.get(name)?.kill(signal);
  }

  async kill(name: string): Promise<void> {
    const child = this.#running.get(name);
    if (!child) throw new Error(`${name} does not run`);
    this.#running.delete(name);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Waits until every member answers a linearizable read. */
  async serving(): Promise<void> {
    for (const [name, client] of this.clients) {
      const look = async (): Promise<true | undefined> => {
        const result = await profile.claims?.operations.read(client, { key: 'any', timeoutMs: operationTimeoutMs });
        return result?.outcome === 'ok' ? true : undefined;
      };
      await waitFor(look, { clock: systemClock, what: `${name} to serve`, timeoutMs: 30_000 });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.kill(name)));
  }
}
