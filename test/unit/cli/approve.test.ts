import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { approve } from '../../../src/cli/commands/control.ts';
import { operatorName } from '../../../src/cli/control.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { pendingDecision, requestOf } from '../../../src/engine/run-control.ts';
import { Journal } from '../../../src/journal/journal.ts';
import type { RunEvent } from '../../../src/journal/records.ts';
import { runFolder } from '../../../src/journal/run-files.ts';
import { SettableClock } from '../../helpers/settable-clock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const runId = '20260101-000000-abcd';
const planHash = 'a'.repeat(64);
const step = 'ask';

/** A run that asks, which no process has; what commands print, and what happens while they wait for it. */
async function askingRun(whileWaiting: (append: (event: RunEvent) => Promise<unknown>) => Promise<unknown>) {
  const root = await temporaryFolder();
  for (const folder of ['stacks', 'systems']) await mkdir(join(root, folder));
  await writeFile(join(root, 'stacks/local.yaml'), '');
  const runDir = runFolder(join(root, '.seatrial/local'), runId);
  const journal = await Journal.create(runDir, new SettableClock('2026-01-01T00:00:00.000Z'));
  const plan = {
    ...{ testnet: 'local', runbook: 'rolling-upgrade', parameters: {}, lab: 'process', gate: 'smoke' },
    ...{ onFailure: 'rollback' as const, steps: [], halts: [] },
  };
  await journal.append({
    ...{ type: 'run.started', runId, testnet: 'local', system: 'reference', lab: 'process', plan },
    ...{ runbook: 'rolling-upgrade', planHash, seatrialVersion: '0', before: [] },
  });
  const question = 'go on?';
  await journal.append({ type: 'approval.requested', step, planHash, question, deadlineAtMs: 0, onTimeout: 'stop' });
  const printed: string[] = [];
  let nowMs = 0;
  const spies = [
    vi.spyOn(process, 'cwd').mockReturnValue(root),
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0),
    vi.spyOn(systemClock, 'monotonicMs').mockImplementation(() => nowMs),
    vi.spyOn(systemClock, 'sleep').mockImplementation(async (durationMs) => {
      nowMs += durationMs;
      await whileWaiting((event) => journal.append(event));
    }),
  ];
  onTestFinished(async () => {
    for (const spy of spies) spy.mockRestore();
    await journal.close();
  });
  return { runDir, printed };
}

const nothing = (): Promise<void> => Promise.resolve();
const plan = planHash.slice(0, 12);
const decided = (decision: 'approved' | 'rejected' | 'timed-out', by: string): RunEvent => ({
  ...{ type: 'approval.decided', step, planHash, decision, by },
});

describe('an answer to a run that nobody runs', () => {
  test('is kept, and said to be', async () => {
    const { runDir, printed } = await askingRun(nothing);
    await approve(runId, { plan, reject: true });
    expect(printed.join('')).toMatch(/^rejected: go on\? Nobody runs it now/);
    expect(await pendingDecision(runDir, { step, planHash })).toMatchObject({
      decision: 'rejected',
      by: operatorName(),
    });
  });

  test.each(['approved', 'rejected'] as const)(
    'is refused when somebody else has %s before, who is named',
    async (decision) => {
      const { runDir, printed } = await askingRun(nothing);
      await requestOf(runDir, { kind: 'decide', by: 'alice@desk', step, planHash, decision }, '0');
      await expect(approve(runId, { plan, reject: true })).rejects.toThrow(`alice@desk has ${decision} it already`);
      expect(printed).toEqual([]);
      expect(await pendingDecision(runDir, { step, planHash })).toMatchObject({ by: 'alice@desk' });
    },
  );

  test('is refused when somebody else answers at the same moment, and counts', async () => {
    const { runDir, printed } = await askingRun(() =>
      requestOf(runDir, { kind: 'decide', by: 'alice@desk', step, planHash, decision: 'approved' }, '0'),
    );
    await expect(approve(runId, { plan, reject: true })).rejects.toThrow('alice@desk has approved it already');
    expect(printed).toEqual([]);
  });

  test('is not kept from counting by one about another plan or step', async () => {
    const { runDir, printed } = await askingRun(nothing);
    const other = { kind: 'decide', by: 'alice@desk', decision: 'approved' } as const;
    await requestOf(runDir, { ...other, step, planHash: 'b'.repeat(64) }, '0');
    await requestOf(runDir, { ...other, step: 'later', planHash }, '1');
    await approve(runId, { plan, reject: true });
    expect(printed.join('')).toMatch(/^rejected: /);
  });
});

describe('an answer to a run that goes on', () => {
  test('is said to be taken when the run has written it down', async () => {
    const { printed } = await askingRun((append) => append(decided('approved', operatorName())));
    await approve(runId, { plan });
    expect(printed).toEqual(['approved: go on?\n']);
  });

  test.each([
    ['approved', 'alice@desk', 'alice@desk has approved it already'],
    ['rejected', 'alice@desk', 'alice@desk has rejected it already'],
    ['timed-out', 'nobody', 'the time to answer was over'],
  ] as const)('is refused when the run has taken another: %s by %s', async (decision, by, message) => {
    const { printed } = await askingRun((append) => append(decided(decision, by)));
    await expect(approve(runId, { plan, reject: true })).rejects.toThrow(message);
    expect(printed).toEqual([]);
  });
});
