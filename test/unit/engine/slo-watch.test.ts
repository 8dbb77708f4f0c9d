import { describe, expect, test } from 'vitest';
import sloWatch from '../../../runbooks/slo-watch.ts';
import { watchSlo } from '../../../src/engine/canary/slo.ts';
import type { RunContext } from '../../../src/engine/run-context.ts';
import type { RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { memoryFolder } from '../../helpers/temporary-folder.ts';
import { executeRun } from '../../../src/engine/run.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { recordsOf } from '../../helpers/ask-of-run.ts';
import { killedAfter, resumeRun } from '../../helpers/crash.ts';
import { releaseWorld, type ReleaseWorldOptions } from '../../helpers/release-world.ts';
import { prepareIn, runbookInputs } from '../../helpers/run-runbook.ts';
import { runWorld } from '../../helpers/run-world.ts';

const hour = 3_600_000;
const day = 24 * hour;
const timeout = 120_000;

/** One node that takes transactions, watched as seldom as a testnet is. */
function watched(takes: ReleaseWorldOptions['takes'], loadPerSecond = 0.2) {
  return releaseWorld({
    nodeCount: 1,
    ...(takes && { takes }),
    topology: { gate: 'standard', quorum: 'none', loadPerSecond },
  });
}

/** Watches counters for seven days: so many transactions a second, of which these are refused. */
async function watchedForDays(perSecond: number, isBad: (sequence: number, atMs: number) => boolean) {
  const clock = createVirtualClock();
  const startedAtMs = clock.wallMs();
  const records: RunEvent[] = [];
  const counted = { sent: 0, acknowledged: 0, rejected: 0, unknown: 0 };
  const counts = (): typeof counted => {
    const elapsedMs = clock.wallMs() - startedAtMs;
    for (; counted.sent < Math.floor((elapsedMs / 1000) * perSecond); counted.sent++) {
      if (isBad(counted.sent, elapsedMs)) counted.rejected++;
      else counted.acknowledged++;
    }
    return counted;
  };
  const session = {
    runDir: await memoryFolder(),
    ledger: {
      get counts() {
        return counts();
      },
      unserved: 0,
    },
    state: { choices: new Map<string, string | number>(), changed: [] },
    gates: { throwIfGuardFailed: () => undefined },
    record: async (event: RunEvent) => void records.push(event),
  };
  const { signal } = new AbortController();
  const context = { inputs: { clock }, session, signal } as unknown as RunContext;
  const step = { id: 'slo', kind: 'slo' as const, nodes: [], objective: 0.99, forMs: 7 * day };
  const cpu = process.cpuUsage();
  const error = await watchSlo(context, step).then(
    () => undefined,
    (problem: unknown) => problem,
  );
  const { user, system } = process.cpuUsage(cpu);
  const [finding] = records.filter((record) => record.type === 'finding');
  return { error, finding, cpuMs: (user + system) / 1000, tookMs: clock.wallMs() - startedAtMs };
}

describe('a watch of seven days', () => {
  test('in which nearly everything is acknowledged passes, and costs a few seconds', { timeout }, async () => {
    const { error, finding, cpuMs, tookMs } = await watchedForDays(1, (sequence) => sequence % 500 === 0);
    expect(error).toBeUndefined();
    expect(finding).toMatchObject({ finding: 'slo', verdict: 'pass' });
    expect(tookMs).toBe(7 * day);
    console.info(`seven days were watched in ${Math.round(cpuMs)} ms of CPU time`);
    expect(cpuMs).toBeLessThan(30_000);
  });

  test('in which a third is refused for an hour fails at once, long before its end', { timeout }, async () => {
    const { error, finding, tookMs } = await watchedForDays(
      1,
      (sequence, atMs) => atMs > day && atMs < day + hour && sequence % 3 === 0,
    );
    expect(error).toMatchObject({ verdict: 'fail' });
    expect(finding).toMatchObject({ verdict: 'fail' });
    expect(tookMs).toBeGreaterThan(day);
    expect(tookMs).toBeLessThan(day + 2 * hour);
  });

  test('in which nothing is sent is inconclusive', { timeout }, async () => {
    const { error, finding } = await watchedForDays(0, () => false);
    expect(error).toMatchObject({ verdict: 'inconclusive' });
    expect(finding).toMatchObject({ verdict: 'inconclusive' });
  });

  test('cannot be planned without traffic to judge', async () => {
    const silent = await watched(undefined, 0);
    await expect(prepareIn(silent, sloWatch)).rejects.toMatchObject({ code: 'unsupported' });
    await expect(prepareIn(silent, sloWatch)).rejects.toThrow(/perSecond: 0 }; give it a rate, as in load/);
    const mute = await runWorld({ topology: { loadPerSecond: 1 } });
    await expect(prepareIn(mute, sloWatch)).rejects.toThrow(/takes no transactions/);
  });
});

describe('a watch of some hours', () => {
  const set = { objective: '90', for: '2h' };

  test('without traffic is inconclusive', { timeout }, async () => {
    const world = await watched(undefined);
    const inputs = await runbookInputs(world, sloWatch, set, { hasLoad: true });
    // Nothing is sent: the node is down for the load, and for nobody else.
    const idle = { ...inputs, topology: { ...inputs.topology, loadPerSecond: 0 } };
    const result = await world.untilSettled(executeRun(idle), { stepMs: 5_000, limitMs: day });
    expect(result).toMatchObject({ outcome: 'inconclusive', exitCode: 3 });
    const { records } = await readJournal(result.runDir);
    expect(recordsOf(records, 'finding')).toMatchObject([{ finding: 'slo', verdict: 'inconclusive' }]);
  });

  test('in which no node serves any more fails at once: what nobody was there to take is not unsent, it is refused', async () => {
    const world = await watched(undefined, 1);
    const startedMs = world.clock.monotonicMs();
    const onRecord = (record: RunRecord): void => {
      if (record.type === 'choice' && record.name === 'started') world.show('node-0', { healthStatus: 500 });
    };
    const inputs = await runbookInputs(world, sloWatch, set, { hasLoad: true, onRecord });
    const result = await world.untilSettled(executeRun(inputs), { stepMs: 5_000, limitMs: day });
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(world.clock.monotonicMs() - startedMs).toBeLessThan(hour);
  }, 120_000);

  test(
    'whose orchestrator is killed half-way ends when it would have ended, with what both have counted',
    { timeout },
    async () => {
      const world = await watched((_atMs, sequence) => sequence % 100 !== 0, 1);
      const inputs = await runbookInputs(world, sloWatch, { ...set, for: '8h' }, { hasLoad: true });
      const startedMs = world.clock.monotonicMs();
      const cut = await killedAfter(world, inputs, 4 * hour);
      const { result, records } = await resumeRun(world, cut, { stepMs: 5_000, limitMs: day });
      expect(result.outcome, result.reason).toBe('passed');
      const tookMs = world.clock.monotonicMs() - startedMs;
      expect(tookMs).toBeGreaterThan(8 * hour - 60_000);
      expect(tookMs).toBeLessThan(8 * hour + 600_000);
      expect(recordsOf(records, 'choice').filter(({ name }) => name === 'started')).toHaveLength(1);
    },
  );
});
