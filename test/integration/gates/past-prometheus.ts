import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemClock } from '../../../src/core/clock.ts';
import { writeFileAtomic } from '../../../src/core/files.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { freePort } from '../../helpers/free-port.ts';

/** What the exporter of one node counts and shows; a test changes it while Prometheus scrapes. */
export interface ExporterState {
  requests: number;
  errors: number;
  queue: number;
  isDown: boolean;
}

/** A real Prometheus that scrapes small real exporters every second and evaluates rules as often. */
export class PastPrometheus implements AsyncDisposable {
  readonly url: string;
  readonly states: Map<string, ExporterState>;
  /** Addresses by node name, as Prometheus scrapes them. */
  readonly targets: Map<string, string>;
  readonly #close: () => Promise<void>;

  private constructor(
    url: string,
    exporters: { states: Map<string, ExporterState>; targets: Map<string, string> },
    close: () => Promise<void>,
  ) {
    this.url = url;
    this.states = exporters.states;
    this.targets = exporters.targets;
    this.#close = close;
  }

  static async start(testnet: string, names: readonly string[], rules: string): Promise<PastPrometheus> {
    const startedSeconds = systemClock.wallMs() / 1000 - 3600;
    const states = new Map<string, ExporterState>();
    const targets = new Map<string, string>();
    const servers: Server[] = [];
    for (const name of names) {
      const state: ExporterState = { requests: 100, errors: 0, queue: 3, isDown: false };
      states.set(name, state);
      const server = createServer((_request, response) => {
        state.requests += 10;
        if (state.isDown) response.writeHead(500).end();
        else response.end(page(state, startedSeconds));
      });
      servers.push(server);
      targets.set(name, `127.0.0.1:${await listen(server)}`);
    }
    const folder = await mkdtemp(join(tmpdir(), 'seatrial-past-'));
    const port = await freePort();
    await writeFileAtomic(join(folder, 'rules.yml'), rules);
    await writeFileAtomic(
      join(folder, 'prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: ['rules.yml'],
        scrape_configs: [
          {
            job_name: 'nodes',
            static_configs: [...targets].map(([node, target]) => ({ targets: [target], labels: { testnet, node } })),
          },
        ],
      }),
    );
    const url = `http://127.0.0.1:${port}`;
    const child = execa(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { reject: false, stdio: 'ignore' },
    );
    const close = async (): Promise<void> => {
      child.kill('SIGKILL');
      await child;
      for (const server of servers) server.close();
      await rm(folder, { recursive: true, force: true });
    };
    const stack = new PastPrometheus(url, { states, targets }, close);
    const isScraping = async (): Promise<true | undefined> => {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent('up == 1')}`);
      const { data } = (await answer.json()) as { data: { result: unknown[] } };
      return data.result.length === names.length ? true : undefined;
    };
    const what = 'every exporter to be scraped';
    await waitFor(isScraping, { clock: systemClock, what, timeoutMs: 30_000 }).catch(async (error: unknown) => {
      await close();
      throw error;
    });
    return stack;
  }

  /** All requests of a node are errors from now on, as many as given at each scrape. */
  set(node: string, state: Partial<ExporterState>): void {
    Object.assign(this.states.get(node) ?? {}, state);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

function page({ requests, errors, queue }: ExporterState, startedSeconds: number): string {
  return `# TYPE requests_total counter
requests_total{code="200"} ${requests - errors}
requests_total{code="500"} ${errors}
# TYPE queue_length gauge
queue_length ${queue}
# TYPE process_start_time_seconds gauge
process_start_time_seconds ${startedSeconds}
`;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
