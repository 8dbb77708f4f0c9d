import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/core/clock.ts';
import { writeFileAtomic } from '../../../src/core/files.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { httpTransport } from '../../../src/gates/http-transport.ts';
import type { SlotJudge } from '../../../src/gates/node-checks.ts';
import { prometheusSource, type PrometheusSource } from '../../../src/gates/prometheus-source.ts';
import type { NodeReading, SlotReading } from '../../../src/gates/readings.ts';
import { slotFacts, type NetworkFacts } from '../../../src/gates/slot-facts.ts';
import { supportedChecks } from '../../../src/gates/supported-checks.ts';
import type { Sample } from '../../../src/gates/verdict.ts';
import type { GateCheck, SystemProfile } from '../../../src/spec/profile.ts';
import { hasProgram } from '../../helpers/programs.ts';
import { freePort } from '../../helpers/free-port.ts';

/** Debian's name of the program, and its own. */
const alertmanagerProgram = hasProgram('prometheus-alertmanager') ? 'prometheus-alertmanager' : 'alertmanager';
export const missingPrograms = ['prometheus', alertmanagerProgram].filter((name) => !hasProgram(name));

export const testnet = 'local';
/** As a gate has it that looks twice a second: one scrape and one second back. */
const offsetMs = 2000;
const windowMs = 20_000;

/** A node as the traps need it: a page of metrics, a start, and whether it answers. */
export class TrapNode {
  readonly name: string;
  page: string;
  startedAtMs = systemClock.wallMs();
  instance = 'first';
  #server: Server | undefined;
  port = 0;

  constructor(name: string, page: string) {
    this.name = name;
    this.page = page;
  }

  async listen(): Promise<void> {
    this.#server = createServer((_request, response) => response.end(this.page));
    this.port = await listenOn(this.#server, this.port);
  }

  /** As SIGKILL ends a process: nobody listens any more. */
  kill(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = undefined;
  }

  /** Another start that the lab knows of. */
  restart(page: string): void {
    this.page = page;
    this.instance += '+';
    this.startedAtMs = systemClock.wallMs();
  }

  reading(): NodeReading {
    return {
      observation: {
        ok: true,
        value: {
          node: this.name,
          state: 'running',
          identity: {
            digest: 'd',
            command: [],
            generation: 'g',
            startedAtMs: this.startedAtMs,
            instance: this.instance,
            pid: 1,
          },
        },
      },
      liveness: this.#server ? { ok: true } : { ok: false, error: 'ECONNREFUSED' },
      status: { ok: true, value: {} },
    };
  }
}

export interface TrapWorldOptions {
  nodes: readonly TrapNode[];
  checks: readonly GateCheck[];
  rules?: unknown;
  hasAlertmanager?: boolean;
}

/** Nodes, a real Prometheus that scrapes them every second, and a gate's checks on what it stored. */
export class TrapWorld implements AsyncDisposable {
  readonly folder: string;
  readonly nodes: readonly TrapNode[];
  url = '';
  alertmanagerUrl = '';
  /** Addresses that the gate expects; by default none in particular. */
  expected = new Map<string, string>();
  readonly #options: TrapWorldOptions;
  readonly #children: ChildProcess[] = [];
  readonly #judges = new Map<string, { name: string; node: string; judge: SlotJudge }>();
  #prometheus: ChildProcess | undefined;
  #source: PrometheusSource | undefined;
  #slot = 0;

  private constructor(folder: string, options: TrapWorldOptions) {
    this.folder = folder;
    this.nodes = options.nodes;
    this.#options = options;
  }

  static async start(options: TrapWorldOptions): Promise<TrapWorld> {
    const world = new TrapWorld(await mkdtemp(join(tmpdir(), 'seatrial-traps-')), options);
    try {
      for (const node of world.nodes) await node.listen();
      world.url = `http://127.0.0.1:${await freePort()}`;
      if (options.hasAlertmanager) await world.#startAlertmanager();
      if (options.rules !== undefined) await writeFileAtomic(join(world.folder, 'rules.yml'), json(options.rules));
      await world.writeConfig({});
      await world.startPrometheus();
      world.#prepareChecks();
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  #prepareChecks(): void {
    const { checks } = this.#options;
    const profile = { checks, metrics: { port: 'http', path: '/metrics' } } as unknown as SystemProfile;
    const found = supportedChecks(profile, { network: this.#network(), hasPrometheus: true, windowMs });
    for (const { name, judgeFor } of found.checks) {
      if (!judgeFor || !checks.some((check) => check.name === name)) continue;
      for (const { name: node } of this.nodes) {
        this.#judges.set(`${name} ${node}`, { name, node, judge: judgeFor(node, undefined) });
      }
    }
    this.#source = prometheusSource({
      baseUrl: this.url,
      testnet,
      checks,
      offsetMs,
      transport: httpTransport(systemClock),
      clock: systemClock,
    });
  }

  #network(): NetworkFacts {
    const nodes = this.nodes.map(({ name }) => {
      const target = this.expected.get(name);
      return { name, votingPower: 1, ...(target === undefined ? {} : { target }) };
    });
    return { testnet, nodes, quorum: 'none', availability: 'keep' };
  }

  /** prometheus.json; `targets`: what is scraped under which name, by default the nodes. */
  async writeConfig(given: { targets?: unknown[]; hasRules?: boolean }): Promise<void> {
    const { targets = this.nodes.map(({ name, port }) => targetOf(name, port)), hasRules = true } = given;
    await writeFileAtomic(
      join(this.folder, 'prometheus.yml'),
      json({
        global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
        rule_files: hasRules && this.#options.rules !== undefined ? ['rules.yml'] : [],
        ...(this.alertmanagerUrl === ''
          ? {}
          : { alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(this.alertmanagerUrl).host] }] }] } }),
        scrape_configs: [
          { job_name: 'nodes', static_configs: targets },
          {
            job_name: 'prometheus',
            static_configs: [{ targets: [new URL(this.url).host], labels: { testnet } }],
          },
        ],
      }),
    );
  }

  /** Returns the HTTP status. */
  async reload(): Promise<number> {
    return (await fetch(`${this.url}/-/reload`, { method: 'POST' })).status;
  }

  async startPrometheus(): Promise<void> {
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(this.folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(this.folder, 'data')}`,
        `--web.listen-address=${new URL(this.url).host}`,
        '--web.enable-lifecycle',
      ],
      { stdio: 'ignore' },
    );
    this.#prometheus = child;
    this.#children.push(child);
    await eventually('Prometheus to be ready', async () => (await fetch(`${this.url}/-/ready`)).ok || undefined);
  }

  async killPrometheus(): Promise<void> {
    if (this.#prometheus) await ended(this.#prometheus);
  }

  async wipePrometheus(): Promise<void> {
    await rm(join(this.folder, 'data'), { recursive: true });
  }

  async #startAlertmanager(): Promise<void> {
    const port = await freePort();
    this.alertmanagerUrl = `http://127.0.0.1:${port}`;
    const file = join(this.folder, 'alertmanager.yml');
    await writeFileAtomic(
      file,
      json({ route: { receiver: 'nobody', group_wait: '1s' }, receivers: [{ name: 'nobody' }] }),
    );
    const flags = [
      `--config.file=${file}`,
      `--storage.path=${join(this.folder, 'alertmanager')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ];
    this.#children.push(spawn(alertmanagerProgram, flags, { stdio: 'ignore' }));
    await eventually('Alertmanager', async () => (await fetch(`${this.alertmanagerUrl}/-/ready`)).ok || undefined);
  }

  /** What a check that is one query sees at the very time at which the gate's checks look. Undefined: no series. */
  async naive(query: string, atMs = systemClock.wallMs() - offsetMs): Promise<number | undefined> {
    const parameters = new URLSearchParams({ query, time: (atMs / 1000).toFixed(3) });
    const response = await fetch(`${this.url}/api/v1/query?${parameters.toString()}`);
    const body = (await response.json()) as {
      status: string;
      error?: string;
      data: { result: { value: unknown[] }[] };
    };
    if (body.status !== 'success') throw new Error(body.error);
    const value = body.data.result[0]?.value[1];
    return value === undefined ? undefined : Number(value);
  }

  /** One slot: what every check says of every node. */
  async look(): Promise<(check: string, node: string) => Sample> {
    const atMs = systemClock.wallMs();
    const prometheus = await this.#source?.({ atMs, timeoutMs: 2000 });
    const reading: SlotReading = {
      slot: this.#slot++,
      atMs,
      monoMs: systemClock.monotonicMs(),
      leftOut: [],
      nodes: Object.fromEntries(this.nodes.map((node) => [node.name, node.reading()])),
      ...(prometheus ? { prometheus } : {}),
    };
    // As evidence does, the reading goes through JSON before it is judged.
    const facts = slotFacts(JSON.parse(JSON.stringify(reading)) as SlotReading, this.#network());
    const samples = new Map<string, Sample>();
    for (const [key, { judge }] of this.#judges) {
      const sample = judge(facts);
      if (sample) samples.set(key, sample);
    }
    return (check, node) => {
      const sample = samples.get(`${check} ${node}`);
      if (!sample) throw new Error(`${check} says nothing of ${node}`);
      return sample;
    };
  }

  /** Looks once a second until the checks say this. */
  async untilSaid(check: string, node: string, state: Sample['state']): Promise<Sample> {
    let last: Sample | undefined;
    return waitFor(
      async () => {
        last = (await this.look())(check, node);
        return last.state === state ? last : undefined;
      },
      { clock: systemClock, what: `${check} of ${node} to be ${state}`, timeoutMs: 30_000, intervalMs: 500 },
    ).catch((error: unknown) => {
      throw new Error(`last it was ${JSON.stringify(last)}`, { cause: error });
    });
  }

  /** Looks once a second for so long. */
  async watch(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await this.look();
      await systemClock.sleep(1000);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(ended));
    for (const node of this.nodes) node.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export function targetOf(node: string, port: number, labels: Record<string, string> = {}): unknown {
  return { targets: [`127.0.0.1:${port}`], labels: { testnet, node, ...labels } };
}

export function eventually<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  const quiet = (): Promise<T | undefined> => attempt().catch(() => undefined);
  return waitFor(quiet, { clock: systemClock, what, timeoutMs: 30_000, intervalMs: 100 });
}

/** JSON is YAML. */
function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await exit;
}

async function listenOn(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
