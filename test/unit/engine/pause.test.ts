import { describe, expect, test } from 'vitest';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { runEnding } from '../../../src/journal/run-ending.ts';
import { ask, leaveFile, plainRequest, recordsOf, runAsked } from '../../helpers/ask-of-run.ts';
import { killedAt, resumeRun } from '../../helpers/crash.ts';
import { runWorld, type RunWorld } from '../../helpers/run-world.ts';
import { toggleWorld } from '../../helpers/toggle-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];
const hour = 3_600_000;

const isGateOf =
  (node: string) =>
  (record: RunRecord): boolean =>
    record.type === 'gate.started' && record.step === `rolling-upgrade/${node}`;

/** Calls back this long after now, by the world's clock. */
function after({ clock }: RunWorld, durationMs: number, work: () => Promise<void>): void {
  clock.sleep(durationMs).then(work, () => undefined);
}

function indexOf(records: readonly RunRecord[], matches: (record: RunRecord) => boolean): number {
  const index = records.findIndex(matches);
  expect(index).toBeGreaterThanOrEqual(0);
  return index;
}

describe('a run that is paused', () => {
  test('during a gate ends the gate, begins nothing for as long as it takes, and then goes on', async () => {
    const world = await runWorld();
    const { result, records } = await runAsked(world, {}, (record, inputs) => {
      if (isGateOf('node-1')(record)) void ask(inputs, plainRequest('pause'));
      if (record.type === 'paused') after(world, hour, () => ask(inputs, plainRequest('continue')));
    });
    expect(result.outcome, result.reason).toBe('passed');
    const paused = indexOf(records, ({ type }) => type === 'paused');
    const continued = indexOf(records, ({ type }) => type === 'continued');
    const verdict = indexOf(records, (record) => record.type === 'gate.verdict' && record.step.endsWith('node-1'));
    const next = indexOf(records, (record) => record.type === 'intent' && record.node === 'node-2');
    expect(verdict).toBeLessThan(paused);
    expect(continued).toBe(paused + 1);
    expect(next).toBeGreaterThan(continued);
    expect(Date.parse(records[continued]?.at ?? '') - Date.parse(records[paused]?.at ?? '')).toBeGreaterThan(hour - 1);
    expect(recordsOf(records, 'paused')).toMatchObject([{ by: 'operator@desk' }]);
    expect(recordsOf(records, 'continued')).toMatchObject([{ by: 'operator@desk' }]);
  });

  test('meanwhile goes back at once when it is told to abort', async () => {
    const world = await runWorld();
    const { result } = await runAsked(world, {}, (record, inputs) => {
      if (isGateOf('node-0')(record)) void ask(inputs, plainRequest('pause'));
      if (record.type === 'paused') after(world, 60_000, () => ask(inputs, plainRequest('abort')));
    });
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1 });
    expect(new Set(Object.values(result.versions))).toEqual(new Set(['1.0.0']));
  });

  test('notices after the pause that a node it had changed broke meanwhile', async () => {
    const world = await runWorld();
    const { result } = await runAsked(world, {}, (record, inputs) => {
      if (isGateOf('node-0')(record)) void ask(inputs, plainRequest('pause'));
      if (record.type !== 'paused') return;
      after(world, 60_000, async () => world.lab.world.crash('node-0'));
      after(world, 120_000, () => ask(inputs, plainRequest('continue')));
    });
    expect(result.outcome).toBe('rolled-back');
    expect(world.deeds().join()).not.toMatch(/node-[123]/);
  });

  test('during its rollback goes on to the end of the rollback', async () => {
    const world = await runWorld({
      script: (node) => (node.release.version === '2.0.0' && node.name === 'node-2' ? { blocksPerSecond: 0 } : {}),
    });
    const { result, records } = await runAsked(world, {}, (record, inputs) => {
      if (record.type === 'rollback.started') void ask(inputs, plainRequest('pause'));
    });
    expect(result.outcome, result.reason).toBe('rolled-back');
    expect(recordsOf(records, 'paused')).toEqual([]);
  });

  test('keeps what it has switched for a time, and nothing of a comparison is counted meanwhile', async () => {
    const stages: RunbookStage[] = [
      { kind: 'switch', id: 'on', toggle: 'boost', node: 'node-0', ttlMs: 60_000 },
      { kind: 'soak', id: 'look', nodes: ['node-0'] },
      { kind: 'soak', id: 'look-again', nodes: ['node-0'] },
      { kind: 'clear', id: 'off', toggle: 'boost', node: 'node-0' },
    ];
    const world = await toggleWorld();
    const seen: boolean[] = [];
    const { result } = await runAsked(world, { stages }, (record, inputs) => {
      if (record.type === 'gate.started' && record.step === 'look') void ask(inputs, plainRequest('pause'));
      if (record.type === 'continued') seen.push(world.isOn('node-0'));
      if (record.type === 'paused') after(world, hour, () => ask(inputs, plainRequest('continue')));
    });
    expect(result.outcome, result.reason).toBe('passed');
    expect(seen).toEqual([true]);
    expect(world.isOn('node-0')).toBe(false);
  });

  test('and killed goes on when somebody resumes it', async () => {
    const world = await runWorld();
    const inputs = await killedAt(world, {}, { kind: 'type', type: 'paused' }, (record, given) => {
      if (isGateOf('node-1')(record)) void ask(given, plainRequest('pause'));
    });
    const { result, records } = await resumeRun(world, inputs);
    expect(result.outcome, result.reason).toBe('passed');
    expect(result.versions).toEqual(Object.fromEntries(names.map((name) => [name, '2.0.0'])));
    expect(runEnding(records)).toMatchObject({ isPaused: false, resumed: 1 });
  });

  test('by a request that nobody had taken when it was killed is not paused once it is resumed', async () => {
    const world = await runWorld();
    const inputs = await killedAt(world, {}, { kind: 'type', type: 'gate.verdict', step: 'rolling-upgrade/node-1' });
    await ask(inputs, plainRequest('pause'));
    const { result, records } = await resumeRun(world, inputs);
    expect(result.outcome, result.reason).toBe('passed');
    expect(recordsOf(records, 'paused')).toEqual([]);
  });
});

describe('a file that is no request', () => {
  test.each([
    ['torn', '{"kind":"abo'],
    ['empty', ''],
    ['a number', '42'],
    ['null', 'null'],
    ['of an unknown kind', '{"kind":"explode","by":"x"}'],
    ['an abort by nobody', '{"kind":"abort"}'],
    ['a decision without a step', '{"kind":"decide","by":"x","decision":"approved","planHash":"a"}'],
    ['a decision that is none', '{"kind":"decide","by":"x","step":"a","decision":"perhaps","planHash":"a"}'],
  ])('(%s) is told once and ignored, and what comes after it is heeded', async (_what, content) => {
    const world = await runWorld();
    const { result, records } = await runAsked(world, { nodes: ['node-0', 'node-1'] }, (record, inputs) => {
      if (isGateOf('node-0')(record)) {
        void leaveFile(inputs, '000-bad.json', content).then(() => ask(inputs, plainRequest('pause')));
      }
      if (record.type === 'paused') after(world, 5_000, () => ask(inputs, plainRequest('continue')));
    });
    expect(result.outcome, result.reason).toBe('passed');
    expect(recordsOf(records, 'note').map(({ text }) => text)).toEqual([
      'a request was ignored: 000-bad.json cannot be understood',
    ]);
    expect(recordsOf(records, 'paused')).toHaveLength(1);
  });
});
