/**
 * What durability and days of a run cost: a journal record beside a bare write with fsync of the same bytes, and the size, resume and
 * verification of a run that soaked five nodes for seven days. That run is written by the product's own writers on a clock of its own.
 *
 *     node bench/journal.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { systemClock } from '../src/core/clock.ts';
import type { GateSegment } from '../src/gates/gate-segment.ts';
import { restoreGate } from '../src/gates/restore-gate.ts';
import { loadEvidenceList } from '../src/journal/evidence.ts';
import { Journal } from '../src/journal/journal.ts';
import { readJournal } from '../src/journal/read-journal.ts';
import type { RunEvent } from '../src/journal/records.ts';
import { verifyRun } from '../src/verify/verify-run.ts';
import { reportLimit } from './support/results.ts';
import { median } from './support/measure.ts';
import { weekSlots, writeWeek } from './support/week.ts';

const rounds = 7;
const pairsPerRound = 300;
const processes = 5;
const appendLimit = 1.3;

/** In a process of its own, as a command is: nothing is warm but the disk's cache. */
const [part, partDir] = process.argv.slice(2);
if (part !== undefined && partDir !== undefined) {
  process.stdout.write(JSON.stringify(await measured(part, partDir)));
} else {
  const folder = mkdtempSync(join(tmpdir(), 'seatrial-bench-journal-'));
  try {
    await benchAppend(folder);
    await benchWeek(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchAppend(folder: string): Promise<void> {
  const event: RunEvent = {
    type: 'done',
    step: 'rolling-upgrade/validator-0',
    action: 'replace',
    node: 'validator-0',
    digest: `sha256:${'ab'.repeat(32)}`,
    instance: `${'cd'.repeat(32)}:2026-01-04T23:59:00.000Z`,
    version: '1.1.0',
    tookMs: 4711,
  };
  const runDir = join(folder, 'append');
  const journal = await Journal.create(runDir, systemClock);
  await journal.append(event);
  // The bytes of one record as they stand in the file, to be written bare.
  const bytes = Buffer.alloc(statSync(journal.file).size, 'x');
  const bare = await open(join(runDir, 'bare.jsonl'), 'ax');
  const subject = async (): Promise<number> => timed(() => journal.append(event));
  const peer = async (): Promise<number> =>
    timed(async () => {
      await bare.appendFile(bytes);
      await bare.datasync();
    });
  for (let warm = 0; warm < 50; warm++) {
    await subject();
    await peer();
  }
  const ratios: { p50: number; p99: number }[] = [];
  const all = { subject: [] as number[], peer: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const own: number[] = [];
    const others: number[] = [];
    for (let pair = 0; pair < pairsPerRound; pair++) {
      if (pair % 2 === 0) own.push(await subject());
      others.push(await peer());
      if (pair % 2 === 1) own.push(await subject());
    }
    ratios.push({
      p50: quantile(own, 0.5) / quantile(others, 0.5),
      p99: quantile(own, 0.99) / quantile(others, 0.99),
    });
    all.subject.push(...own);
    all.peer.push(...others);
  }
  await journal.close();
  await bare.close();
  for (const [name, q] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const list = ratios.map((ratio) => ratio[name]);
    const [own, other] = [quantile(all.subject, q), quantile(all.peer, q)];
    reportLimit(`Journal record beside a bare write with fsync, ${name}`, own / other, appendLimit, {
      unit: '×',
      measured: `${(own / other).toFixed(2)} × (${own.toFixed(2)} ms : ${other.toFixed(2)} ms; rounds ${spread(list, '×')})`,
      how: `${bytes.length} bytes in the same folder, by turns; ${rounds} rounds of ${pairsPerRound} pairs`,
    });
  }
}

async function benchWeek(folder: string): Promise<void> {
  const finished = join(folder, 'finished');
  const killed = join(folder, 'killed');
  await writeWeek(finished, { isKilled: false });
  await writeWeek(killed, { isKilled: true });
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const sizes = {
    journal: statSync(join(finished, 'journal.jsonl')).size,
    observations: statSync(join(finished, 'observations.jsonl')).size,
    evidence: folderSize(join(finished, 'evidence')),
  };
  const total = sizes.journal + sizes.observations + sizes.evidence;
  const files = readdirSync(join(finished, 'evidence')).length;
  reportLimit('Size of a run that soaked 5 nodes × 10 checks for 7 days', total / 1e6, 50, {
    unit: 'MB',
    measured: `${mb(total)} (journal ${mb(sizes.journal)}, evidence ${mb(sizes.evidence)} in ${files} files, observations ${mb(sizes.observations)})`,
    how: `${weekSlots} slots of 5 s; a node unreachable in one slot of 360`,
  });
  for (const [name, figure, limitMs, dir] of [
    ['open', 'Resume of that run: its journal read, verified and opened', 1000, killed],
    ['restore', 'Resume of that run: its soak brought to where it was', 1000, killed],
    ['verify', 'seatrial verify of that run', 10_000, finished],
  ] as const) {
    const times: number[] = [];
    let what = '';
    for (let run = 0; run < processes; run++) {
      const text = execFileSync(process.execPath, [import.meta.filename, name, dir], { encoding: 'utf8' });
      const result = JSON.parse(text) as { tookMs: number; what: string };
      times.push(result.tookMs);
      what = result.what;
    }
    reportLimit(figure, median(times), limitMs, {
      unit: 'ms',
      measured: `${median(times).toFixed(0)} ms (${spread(times, 'ms', 0)})`,
      how: `${what}; median of ${processes} processes`,
    });
  }
}

async function measured(name: string, runDir: string): Promise<{ tookMs: number; what: string }> {
  switch (name) {
    case 'open': {
      let count = 0;
      const tookMs = await timed(async () => {
        const { journal, records } = await Journal.open(runDir, systemClock);
        count = records.length;
        await journal.close();
      });
      return { tookMs, what: `${count} records` };
    }
    case 'restore': {
      const { records } = await readJournal(runDir);
      let slots = 0;
      const tookMs = await timed(async () => {
        const hashes = records.flatMap((record) => (record.type === 'gate.segment' ? [record.evidence] : []));
        const segments = loadEvidenceList(runDir, hashes) as GateSegment[];
        const begunAtMs = segments[0]?.begun?.input.startedAtMs ?? 0;
        const { judge } = restoreGate(segments, { wallMs: begunAtMs + 7 * 86_400_000, monoMs: 0 });
        slots = judge.progress().slot;
      });
      if (slots < weekSlots * 0.99) throw new Error(`only ${slots} slots were restored`);
      return { tookMs, what: `${slots} slots of ${records.length} segments and records` };
    }
    case 'verify': {
      let what = '';
      const tookMs = await timed(async () => {
        const verification = await verifyRun({
          runDir,
          loadProfile: () => Promise.reject(new Error('the evidence holds the rules')),
        });
        if (verification.result !== 'agrees' || verification.verdicts !== 1) {
          throw new Error(`the run does not verify: ${JSON.stringify(verification.findings)}`);
        }
        what = `${verification.records} records, ${verification.evidence} pieces of evidence, every slot decided again`;
      });
      return { tookMs, what };
    }
    default:
      throw new Error(`there is no part ${name}`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function spread(values: readonly number[], unit: string, digits = 2): string {
  return `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)} ${unit}`;
}

function folderSize(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
