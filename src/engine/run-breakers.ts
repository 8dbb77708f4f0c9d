import { join } from 'node:path';
import { createBreakerSet } from '../core/breaker-set.ts';
import type { BreakerSnapshot } from '../core/breaker.ts';
import type { Clock } from '../core/clock.ts';
import { readJsonFile, writeFileAtomic } from '../core/files.ts';
import { endpointOf, guardedTransport } from '../gates/guarded-transport.ts';
import type { HttpTransport } from '../gates/probe-client.ts';
import type { RunRecord } from '../journal/records.ts';
import { guardedLab } from '../lab/guarded-lab.ts';
import type { Lab } from '../lab/lab.ts';
import type { Topology } from '../topology/topology.ts';

/** A step waits so long for a host that keeps failing; then it fails, and the run can be resumed. */
const DEFER_LIMIT_MS = 15 * 60_000;

export interface RunBreakersOptions {
  runDir: string;
  topology: Pick<Topology, 'nodes'>;
  lab: Lab;
  clock: Clock;
  random: () => number;
  transport: HttpTransport;
  prometheusUrl?: string | undefined;
  /** A host that keeps failing, or is back. */
  onChange?: (snapshot: BreakerSnapshot) => void;
}

/** The breakers of a run, around what it acts and looks through. */
export interface RunBreakers {
  /** The lab behind the breaker of its engine: an effect waits while that is open. Looks are always taken, and counted. */
  lab: Lab;
  /** Requests to nodes and to Prometheus, counted by endpoint. */
  transport: HttpTransport;
  snapshot(): BreakerSnapshot[];
  /** Follows the run: a node in the middle of its own change is down by plan. */
  onRecord(record: RunRecord): void;
  /** Keeps the state with the run. */
  close(): Promise<void>;
}

/** Makes the breakers of a run, or goes on with those that were kept with it (`breakers.json` in its folder). */
export async function openRunBreakers(options: RunBreakersOptions): Promise<RunBreakers> {
  const { runDir, topology, lab, clock, random, prometheusUrl } = options;
  const file = join(runDir, 'breakers.json');
  let isBegun = false;
  let saved: Promise<unknown> = Promise.resolve();
  const save = (): void => {
    // The run's folder is there with its first record. What cannot be kept is counted anew after a resume, no more.
    if (!isBegun) return;
    saved = saved.then(() => writeFileAtomic(file, `${JSON.stringify(breakers.snapshot())}\n`)).catch(() => undefined);
  };
  const [first] = topology.nodes;
  const breakers = createBreakerSet({
    clock,
    random,
    // A look costs nothing; an effect is not made to find out whether the engine is back.
    options: first ? { docker: { probe: (signal) => lab.observe(first, { signal }) } } : {},
    onChange: (snapshot) => {
      save();
      options.onChange?.(snapshot);
    },
  });
  breakers.restore((await readJsonFile<BreakerSnapshot[]>(file).catch(() => undefined)) ?? []);

  const down = new Map<string, (() => void)[]>();
  const begin = (name: string): void => {
    const node = topology.nodes.find((candidate) => candidate.name === name);
    if (!node || down.has(name)) return;
    const endpoints = node.ports.map((port) => endpointOf(lab.endpoint(node, port.name)));
    down.set(
      name,
      endpoints.map((endpoint) => breakers.exclude(endpoint)),
    );
  };
  const end = (names: Iterable<string>): void => {
    for (const name of [...names]) {
      for (const over of down.get(name) ?? []) over();
      down.delete(name);
    }
  };

  return {
    lab:
      lab.kind === 'docker'
        ? guardedLab(lab, {
            breakers,
            host: 'local',
            callClass: 'docker',
            sampled: ['observe', 'logs'],
            defer: { clock, limitMs: DEFER_LIMIT_MS },
          })
        : lab,
    transport: guardedTransport(options.transport, { breakers, mode: 'sample', prometheusUrl }),
    snapshot: () => breakers.snapshot(),
    onRecord(record) {
      isBegun = true;
      if (record.type === 'intent' || record.type === 'effect.intent') begin(record.node);
      // Stopped on purpose, it is down until it is started again.
      else if (record.type === 'effect.done' && record.effect !== 'stop') end([record.node]);
      // Replaced, it needs its time until its gate has an opinion.
      else if (record.type === 'gate.verdict') end(record.nodes);
      else if (record.type === 'run.finished') end(down.keys());
    },
    async close() {
      save();
      await saved;
    },
  };
}
