import { join } from 'node:path';
import { expect } from 'vitest';
import { readJsonFile } from '../../src/core/files.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { killAtRecord, type Killable } from './kill-at-record.ts';
import type { CommandResult, NodeStatusReport } from './project.ts';

/** Set: every test of a kill kills at all records, not at one of each kind. Takes hours. */
export const isSoak = process.env['SEATRIAL_SOAK'] === '1';

/** A real testnet whose commands can be killed. */
export interface KillableNet {
  testnet: string;
  stateDir: string;
  start(...args: string[]): Killable;
  seatrial(...args: string[]): Promise<CommandResult>;
  status(): Promise<NodeStatusReport[]>;
  /** How often each node was started so far, as the lab itself tells. */
  starts(): Promise<Record<string, number>>;
  /** What no command may leave, a line each. */
  leftovers(): Promise<string[]>;
}

/** A run, and how it must end whether it is killed or not. */
export interface KilledScenario {
  /** Parameters of `seatrial run`, the testnet left out. */
  runbook: string;
  set: Record<string, string>;
  exitCode: number;
  outcome: string;
  /** Digest by node when it is over; nodes that are left out keep theirs. */
  digests: Record<string, string>;
  /** Starts by node; of the others there is none. */
  starts: Record<string, number>;
}

/** The n-th record of its type, from 0. */
export interface KillPoint {
  type: RunRecord['type'];
  nth: number;
}

/**
 * Where runs like this one are killed: in the middle one of each type of record, and in the soak suite at every record. The last record
 * is the end; there is nothing to go on with after it.
 */
export function killPoints(records: readonly RunRecord[], types?: readonly RunRecord['type'][]): KillPoint[] {
  const counts = new Map<RunRecord['type'], number>();
  const all = records.map(({ type }) => {
    const nth = counts.get(type) ?? 0;
    counts.set(type, nth + 1);
    return { type, nth };
  });
  const wanted = all.filter(
    ({ type }) => type !== 'run.finished' && (isSoak || types === undefined || types.includes(type)),
  );
  if (isSoak) return wanted;
  return wanted.filter(({ type, nth }) => nth === Math.floor(((counts.get(type) ?? 1) - 1) / 2));
}

/** Kills a run at each of these records, one after the other, and tells how often. `next`: the run, as it is to be then. */
export async function expectSameEnds(
  net: KillableNet,
  what: string,
  points: readonly KillPoint[],
  next: () => KilledScenario | Promise<KilledScenario>,
): Promise<void> {
  for (const point of points) console.info(`${what}: killed at ${await expectSameEnd(net, await next(), point)}`);
  console.info(`${what}: kills that were gone on with to the same end: ${points.length}`);
  expect(points.length).toBeGreaterThan(0);
}

/** Kills a run at a record, goes on with it, and expects the end that it would have had. Returns where it was killed. */
async function expectSameEnd(net: KillableNet, scenario: KilledScenario, point: KillPoint): Promise<string> {
  const { runbook, set, exitCode, outcome } = scenario;
  const where = `${runbook} killed at ${point.type} number ${point.nth + 1}`;
  const before = await net.starts();
  const wanted = { ...digestsIn(await net.status()), ...scenario.digests };
  const parameters = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const killed = await killAtRecord(
    net.stateDir,
    () => net.start('run', runbook, net.testnet, ...parameters),
    ({ type }, earlier) => type === point.type && earlier.filter((each) => each.type === type).length === point.nth,
  );
  const { runId, runDir, seq } = killed;
  const last = killed.records.at(-1);

  const resumed = await net.seatrial('resume', runId);
  const told = `${where}\n${resumed.stdout}${resumed.stderr}`;
  expect(resumed.exitCode, told).toBe(exitCode);
  const { records } = await readJournal(runDir);
  const end = records.at(-1);
  expect(end?.type === 'run.finished' && end.outcome, told).toBe(outcome);
  const tokens = records.flatMap((record) => (record.type === 'lease.taken' ? [record.token] : []));
  expect(tokens, where).toEqual([...tokens].sort((a, b) => a - b));
  expect(new Set(tokens).size, where).toBe(tokens.length);
  expect(records.filter(({ type }) => type === 'run.resumed').length, where).toBe(1);

  const nodes = await net.status();
  expect(digestsIn(nodes), told).toEqual(wanted);
  expect(
    nodes.map(({ healthy }) => healthy),
    told,
  ).toEqual(nodes.map(() => true));

  // No effect twice: what really started, and what was written down of it.
  const after = await net.starts();
  const started = countBy(Object.keys(after), (node) => (after[node] ?? 0) - (before[node] ?? 0));
  expect(started, told).toEqual(scenario.starts);
  const done = records.flatMap((record) => (record.type === 'done' ? [record.node] : []));
  expect(
    countBy([...new Set(done)], (node) => done.filter((each) => each === node).length),
    told,
  ).toEqual(scenario.starts);
  expect(await net.leftovers(), told).toEqual([]);
  const verified = await net.seatrial('verify', runId);
  expect(verified.exitCode, `${where}\n${verified.stdout}${verified.stderr}`).toBe(0);
  return `${point.type} #${point.nth + 1} (record ${seq}, died after ${last?.type ?? 'nothing'} ${last?.seq ?? ''})`;
}

export function digestsIn(nodes: readonly NodeStatusReport[]): Record<string, string> {
  return Object.fromEntries(nodes.map(({ name, digest }) => [name, digest ?? 'none']));
}

/** What every lab would leave: the lock, the lease of the process lab, requests. */
export async function leftInState(stateDir: string, files: readonly string[]): Promise<string[]> {
  const left = files.filter(
    (file) =>
      file === 'lock.json' || /(^|\/)requests(\/|$)/.test(file) || /(^|\/)\.[^/]+\.\d+-[0-9a-f]{12}$/.test(file),
  );
  const leases = files.filter((file) => /^lease\/.*\.json$/.test(file));
  for (const file of leases) {
    const claim = await readJsonFile<{ isReleased: boolean }>(join(stateDir, file));
    if (claim?.isReleased !== true) left.push(file);
  }
  return left;
}

/** Without those that count nothing. */
function countBy(names: readonly string[], count: (name: string) => number): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, count(name)] as const).filter(([, number]) => number !== 0));
}
