import { describe, expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import type { RunInputs } from '../../../src/engine/run-context.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { ask, decision, recordsOf } from '../../helpers/ask-of-run.ts';
import { jumpingClock } from '../../helpers/jumping-clock.ts';
import { toggleWorld } from '../../helpers/toggle-world.ts';

const hour = 3_600_000;
const names = ['node-0', 'node-1', 'node-2', 'node-3'];

const stages: RunbookStage[] = [
  { kind: 'switch', id: 'on', toggle: 'boost', node: 'node-3', ttlMs: 8_000 },
  { kind: 'soak', id: 'look', nodes: ['node-3'], forMs: 15_000 },
  { kind: 'activation', id: 'shown', toggle: 'boost', nodes: ['node-3'], blocks: 5, timeoutMs: 30_000 },
  { kind: 'clear', id: 'off', toggle: 'boost', node: 'node-3' },
  { kind: 'change', id: 'some', changes: ['node-0', 'node-1'].map((node) => ({ node, version: '2.0.0' })) },
  { kind: 'approval', id: 'ask', question: 'go on?', timeoutMs: 40_000 },
  { kind: 'change', id: 'rest', changes: ['node-2', 'node-3'].map((node) => ({ node, version: '2.0.0' })) },
];

/** Runs all that takes time; the clock is set at this record. Somebody approves half-way. */
async function run(isThen: (record: RunRecord) => boolean, byMs: number) {
  const world = await toggleWorld();
  const clock = jumpingClock(world.clock);
  const inputs: RunInputs = await world.inputs({
    stages,
    clock,
    deadlineMs: 10 * hour,
    lab: (plain) => clock.lab(plain),
    onRecord: (record) => {
      if (isThen(record)) clock.jump(byMs);
      if (record.type !== 'approval.requested') return;
      const approve = (): Promise<void> => ask(inputs, decision(inputs, 'ask', 'approved', { atMs: clock.wallMs() }));
      world.clock.sleep(20_000).then(approve, () => undefined);
    },
  });
  const startedMs = world.clock.monotonicMs();
  const result = await world.untilSettled(executeRun(inputs));
  const { records } = await readJournal(result.runDir);
  return { result, records, tookMs: world.clock.monotonicMs() - startedMs };
}

describe.each([
  ['forward', hour],
  ['back', -hour],
])('a clock that is set %s by an hour', (_way, byMs) => {
  test(
    'in the middle of whatever a run does changes neither its end nor how long it takes',
    { timeout: 120_000 },
    async () => {
      const whole = await run(() => false, 0);
      expect(whole.result.outcome, whole.result.reason).toBe('passed');
      const versions = Object.fromEntries(names.map((name) => [name, '2.0.0']));
      expect(whole.result.versions).toEqual(versions);
      let tried = 0;
      // At every other record; the two tests share them.
      for (let seq = byMs > 0 ? 0 : 1; seq < whole.records.length - 1; seq += 2) {
        const set = await run((record) => record.seq === seq, byMs);
        const where = `${seq} ${set.records[seq]?.type}: ${set.result.reason}`;
        expect(set.result, where).toMatchObject({ outcome: 'passed', versions });
        // The world goes on while the real disk is waited for, so that no two runs take the same time.
        expect(set.tookMs, where).toBeLessThan(hour / 2);
        expect(recordsOf(set.records, 'approval.decided'), where).toMatchObject([{ decision: 'approved' }]);
        tried++;
      }
      console.info(`the clock was set by ${byMs / hour} h at each of ${tried} records`);
      expect(tried).toBeGreaterThan(30);
    },
  );
});
