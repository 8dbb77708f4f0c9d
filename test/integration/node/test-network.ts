import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { dealKey } from '../../../node/tss-deal.ts';

export interface Status {
  readonly node: string;
  readonly version: string;
  readonly height: number;
  readonly hash: string;
  readonly appHash: string;
  readonly catchingUp: boolean;
  readonly peers: number;
  readonly power: number;
  readonly roundsMissed: number;
  readonly tss: {
    readonly on: boolean;
    readonly flag: boolean;
    readonly canSign: boolean;
    readonly lease: { readonly leaseId: string; readonly on: boolean; readonly remainingMs: number } | null;
  };
}

export interface Answer {
  readonly code: number;
  readonly body: Record<string, unknown>;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** Real node processes on loopback, each with its own folder; followers are nodes beyond the validator set. */
export class TestNetwork {
  readonly folder = mkdtempSync(join(tmpdir(), 'refchain-network-'));
  readonly ids: readonly string[];
  readonly #ports = new Map<string, { readonly http: number; readonly p2p: number }>();
  readonly #running = new Map<string, ChildProcess>();
  readonly #secrets = new Set<string>();

  private constructor(ids: readonly string[]) {
    this.ids = ids;
  }

  /** With `tss`, the validators have a threshold key. */
  static async create(
    validatorCount: number,
    followers: readonly string[] = [],
    options: { readonly tss?: boolean } = {},
  ): Promise<TestNetwork> {
    const validatorIds = Array.from({ length: validatorCount }, (_, index) => `validator-${index}`);
    const network = new TestNetwork([...validatorIds, ...followers]);
    const ports = await freePorts(network.ids.length * 2);
    network.ids.forEach((id, index) => {
      network.#ports.set(id, { http: ports[index * 2] ?? 0, p2p: ports[index * 2 + 1] ?? 0 });
    });
    const validators = validatorIds.map((id) => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      writeFileSync(network.#path(`${id}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
      return { id, publicKey: publicKey.export({ format: 'jwk' }).x, power: 1 };
    });
    writeFileSync(
      network.#path('genesis.json'),
      JSON.stringify({ chainId: 'local', blockIntervalMs: 200, validators, ...network.#deal(validatorIds, options) }),
    );
    return network;
  }

  #deal(ids: readonly string[], { tss }: { readonly tss?: boolean }): object {
    if (!tss) return {};
    const { group, secrets } = dealKey(ids);
    for (const [id, secret] of Object.entries(secrets)) {
      writeFileSync(this.#path(`${id}.tss`), secret, { mode: 0o600 });
      this.#secrets.add(id);
    }
    return { tss: group };
  }

  flags(id: string): string[] {
    const { http, p2p } = this.#port(id);
    const peers = this.ids.filter((other) => other !== id);
    return [
      ...['--id', id, '--data', this.dataFolder(id), '--genesis', this.#path('genesis.json')],
      ...['--http', `127.0.0.1:${http}`, '--p2p', `127.0.0.1:${p2p}`],
      ...(id.startsWith('validator-') ? ['--key', this.#path(`${id}.pem`)] : []),
      ...(this.#secrets.has(id) ? ['--tss-key', this.#path(`${id}.tss`)] : []),
      ...peers.flatMap((other) => ['--peer', `${other}=127.0.0.1:${this.#port(other).p2p}`]),
    ];
  }

  dataFolder(id: string): string {
    return this.#path(`${id}-data`);
  }

  start(id: string, release: string, extraFlags: readonly string[] = []): ChildProcess {
    const child = spawn(process.execPath, [release, ...this.flags(id), ...extraFlags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => log.push(String(chunk)));
    child.on('exit', () => writeFileSync(this.#path(`${id}.log`), log.join('')));
    this.#running.set(id, child);
    return child;
  }

  /** Starts a second process of a node that already runs; it is the caller's to await. */
  startTwin(id: string, release: string): ChildProcess {
    return spawn(process.execPath, [release, ...this.flags(id)], { stdio: 'ignore' });
  }

  /** For a node that ended by itself. */
  forget(id: string): void {
    this.#running.delete(id);
  }

  startAll(release: string, extraFlags: readonly string[] = []): void {
    for (const id of this.ids) this.start(id, release, extraFlags);
  }

  /** Ends a node and returns its exit code, null after a signal that killed it. */
  async stop(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#running.get(id);
    if (child === undefined) throw new Error(`${id} does not run`);
    this.#running.delete(id);
    if (child.exitCode !== null) throw new Error(`${id} has ended by itself with code ${child.exitCode}`);
    const exited = once(child, 'exit');
    child.kill(signal);
    return (await exited)[0] as number | null;
  }

  /** Freezes or thaws a node. */
  signal(id: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#running.get(id)?.kill(signal);
  }

  /** JSON lines that a stopped node wrote. */
  logOf(id: string): Record<string, unknown>[] {
    const lines = readFileSync(this.#path(`${id}.log`), 'utf8').split('\n');
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  url(id: string, path: string): string {
    return `http://127.0.0.1:${this.#port(id).http}${path}`;
  }

  async get(id: string, path: string): Promise<Answer> {
    const response = await fetch(this.url(id, path), { signal: AbortSignal.timeout(5000) });
    return { code: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  async post(id: string, path: string, body: unknown): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const request = { method: 'POST', body: text, signal: AbortSignal.timeout(20_000) };
    const response = await fetch(this.url(id, path), request);
    return { code: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** Value of one metric line, given as the line's beginning up to the value. */
  async metric(id: string, line: string): Promise<number> {
    const text = await fetch(this.url(id, '/metrics')).then(async (response) => response.text());
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    if (found === undefined) throw new Error(`${id} has no metric ${line}`);
    return Number(found.slice(line.length + 1));
  }

  async status(id: string): Promise<Status> {
    return (await this.get(id, '/status')).body as unknown as Status;
  }

  async heights(ids: readonly string[] = this.ids): Promise<number[]> {
    return Promise.all(ids.map(async (id) => (await this.status(id)).height));
  }

  /** Waits until all these nodes have a height; says where each stood when the deadline passes. */
  async reach(height: number, ids: readonly string[] = this.ids, deadlineMs = 15_000): Promise<void> {
    await eventually(async () => {
      const heights = await this.heights(ids);
      return heights.every((own) => own >= height) || `heights ${heights.join(', ')} instead of ${height}`;
    }, deadlineMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running].filter(([, child]) => child.exitCode === null);
    await Promise.all(running.map(([id]) => this.stop(id, 'SIGKILL')));
    rmSync(this.folder, { recursive: true });
  }

  #port(id: string): { readonly http: number; readonly p2p: number } {
    const ports = this.#ports.get(id);
    if (ports === undefined) throw new Error(`no node ${id}`);
    return ports;
  }

  #path(name: string): string {
    return join(this.folder, name);
  }
}

/** Asks again until the answer is true; the last other answer, or error, is in the message when the deadline passes. */
export async function eventually(check: () => Promise<true | string>, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const last = await check().catch((error: unknown) => String(error));
    if (last === true) return;
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${last}`);
    await sleep(20);
  }
}
