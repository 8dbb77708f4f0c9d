/**
 * What it costs that every write is on the disk before it is sent: 100 a second for ten seconds, with the ledger and with counting alone,
 * and how long an intent waits for the disk.
 *
 *     node bench/ledger.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { systemClock } from '../src/core/clock.ts';
import { startLoad } from '../src/load/generator.ts';
import { openLedger } from '../src/load/ledger.ts';
import type { ProbeClient } from '../src/spec/profile.ts';
import { reportLimit } from './support/results.ts';
import { median } from './support/measure.ts';

const perSecond = 100;
const forMs = 10_000;
const rounds = 3;
/** Of one core, more than counting alone. */
const cpuLimitPercent = 5;
/** A quarter of the time between two blocks of a fast chain. */
const waitLimitMs = 50;

interface Figures {
  cpuPercent: number;
  waitP99Ms: number;
  commits: number;
  sent: number;
}

const folder = mkdtempSync(join(tmpdir(), 'seatrial-bench-ledger-'));
try {
  const kept: Figures[] = [];
  const counted: Figures[] = [];
  for (let round = 0; round < rounds; round++) {
    kept.push(await measure(join(folder, `kept-${round}.jsonl`), true));
    counted.push(await measure(join(folder, `counted-${round}.jsonl`), false));
  }
  const of = (list: readonly Figures[], pick: (figures: Figures) => number): number => median(list.map(pick));
  const [own, other] = [of(kept, ({ cpuPercent }) => cpuPercent), of(counted, ({ cpuPercent }) => cpuPercent)];
  const commits = of(kept, (figures) => figures.commits / (forMs / 1000));
  const how = `${perSecond} writes a second to a system that answers at once, ${rounds} rounds of ${forMs / 1000} s by turns`;
  reportLimit(
    'Ledger of intents at 100 writes a second: processor beyond counting alone',
    own - other,
    cpuLimitPercent,
    {
      unit: '% of a core',
      measured: `${(own - other).toFixed(1)} % (${own.toFixed(1)} % : ${other.toFixed(1)} %)`,
      how,
    },
  );
  const waitMs = of(kept, ({ waitP99Ms }) => waitP99Ms);
  reportLimit('Ledger of intents: wait for the disk before a write is sent, p99', waitMs, waitLimitMs, {
    unit: 'ms',
    measured: `${waitMs.toFixed(1)} ms (${commits.toFixed(0)} waits a second for ${perSecond} writes)`,
    how,
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(file: string, keepsTransactions: boolean): Promise<Figures> {
  const ledger = await openLedger(file, { clock: systemClock, keepsTransactions });
  const waits: number[] = [];
  const load = startLoad({
    profile: { submit: async (_client, { payload }) => ({ outcome: 'acknowledged', id: payload, height: 1 }) },
    clients: new Map(['a', 'b', 'c', 'd'].map((node) => [node, {} as ProbeClient])),
    perSecond,
    ledger: {
      ...ledger,
      async intend(nodes) {
        const startMs = performance.now();
        const sequences = await ledger.intend(nodes);
        waits.push(performance.now() - startMs);
        return sequences;
      },
    },
    clock: systemClock,
    label: 'bench',
  });
  const before = process.cpuUsage();
  await systemClock.sleep(forMs);
  const { user, system } = process.cpuUsage(before);
  await load.stop();
  const { sent } = ledger.counts;
  const { commits } = ledger;
  await ledger.close();
  if (sent < perSecond * (forMs / 1000) * 0.9) throw new Error(`only ${sent} writes were offered`);
  const sorted = waits.sort((a, b) => a - b);
  return {
    cpuPercent: ((user + system) / 1000 / forMs) * 100,
    waitP99Ms: sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN,
    commits,
    sent,
  };
}
