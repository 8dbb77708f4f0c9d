import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { exitCodeOfVerification } from '../../../src/verify/verify-run.ts';
import { busyWorld, forged, verified } from '../../helpers/verified-run.ts';

const first = 'rolling-upgrade/node-0';
const second = 'rolling-upgrade/node-1';

let suiteFolder = '';
let passedDir = '';
let failedDir = '';

beforeAll(async () => {
  suiteFolder = await mkdtemp(join(tmpdir(), 'seatrial-passed-'));
});

afterAll(() => rm(suiteFolder, { recursive: true, force: true }));

/** Both runs are made once, in whichever test comes first: a good one under load, and one whose second node fails and is left as it is. */
beforeEach(async () => {
  if (passedDir !== '') return;
  const good = await busyWorld();
  const passed = await good.upgrade({ hasLoad: true, nodes: ['node-0', 'node-1'] });
  const bad = await busyWorld();
  const failed = await bad.upgrade({ to: '3.0.0', nodes: ['node-0', 'node-1'], onFailure: 'hold' });
  failedDir = join(suiteFolder, 'failed');
  await cp(failed.result.runDir, failedDir, { recursive: true });
  await cp(passed.result.runDir, join(suiteFolder, 'passed'), { recursive: true });
  passedDir = join(suiteFolder, 'passed');
}, 60_000);

const disagreements = async (dir: string): Promise<string[]> =>
  (await verified(dir)).findings.filter(({ kind }) => kind === 'disagrees').map(({ message }) => message);

/** The same record, now of this event. */
const instead = (record: RunRecord, event: RunEvent): RunRecord => {
  const { seq, at, monoMs, prev } = record;
  return { seq, at, monoMs, prev, ...event };
};

const isOf = (record: RunRecord, step: string): boolean => 'step' in record && record.step === step;

/** Puts an event behind the first record that is so. */
async function withEvent(dir: string, event: RunEvent, isBefore: (record: RunRecord) => boolean): Promise<string> {
  return forged(dir, (records) => {
    const at = records.findIndex(isBefore);
    const before = records[at];
    if (!before) throw new Error('the run has no such record');
    return [...records.slice(0, at + 1), instead(before, event), ...records.slice(at + 1)];
  });
}

const isStepDone =
  (step: string) =>
  (record: RunRecord): boolean =>
    record.type === 'step.done' && record.step === step;

const guardFailed: RunEvent = {
  type: 'guard.failed',
  step: 'guard',
  node: 'node-0',
  check: 'height',
  reason: 'it stands still',
};

test('a run under load that did its plan agrees', async () => {
  const { findings, outcome, result } = await verified(passedDir);
  expect({ findings, outcome, result }).toEqual({ findings: [], outcome: 'passed', result: 'agrees' });
});

test('a run that says passed and did next to nothing of its plan is told what is missing, and why', async () => {
  const copy = await forged(passedDir, (records) => {
    const kept = records.filter((record) => {
      if (isOf(record, first) || isOf(record, 'ledger') || record.type === 'load.finished') return false;
      return !record.type.startsWith('gate.') || isOf(record, 'preflight');
    });
    const at = kept.findIndex(isStepDone(second));
    const done = kept[at];
    if (!done) throw new Error('the run has no second step');
    return [...kept.slice(0, at), instead(done, guardFailed), ...kept.slice(at)];
  });
  const { records } = await readJournal(copy);
  const lineOf = (isIt: (record: RunRecord) => boolean): number => records.findIndex(isIt) + 1;
  const changedAt = lineOf(({ type }) => type === 'done');
  const verification = await verified(copy);
  expect(exitCodeOfVerification(verification)).toBe(1);
  const told = verification.findings.filter(({ kind }) => kind === 'disagrees');
  expect(told.map(({ rule, line, message }) => [rule, line, message])).toEqual(
    expect.arrayContaining([
      [
        'plan-undone',
        records.length,
        `the run says passed, but ${first} of its plan is not done: it was never started`,
      ],
      ['plan-undone', records.length, 'the run says passed, but ledger of its plan is not done: it was never started'],
      [
        'ungated',
        records.length,
        `the run says passed, but node-1, changed in line ${changedAt}, has not passed a gate since`,
      ],
      [
        'outcome',
        records.length,
        `the run says passed, but the guard of node-0 failed in line ${lineOf(({ type }) => type === 'guard.failed')} (height: it stands still), and ${second} was done after it in line ${lineOf(isStepDone(second))}`,
      ],
    ]),
  );
  expect(new Set(told.map(({ file }) => file))).toEqual(new Set(['journal.jsonl']));
});

describe('a run that says passed disagrees', () => {
  test.each<[string, (records: RunRecord[]) => RunRecord[], RegExp]>([
    [
      'where the end of a step is missing',
      (records) => records.filter((record) => !isStepDone(second)(record)),
      /^the run says passed, but rolling-upgrade\/node-1 of its plan is not done: it was started in line \d+, and its end is not written down$/,
    ],
    [
      'where a step was refused',
      (records) =>
        records.map((record) =>
          isStepDone(second)(record)
            ? instead(record, { type: 'step.refused', step: second, reason: 'not safe' })
            : record,
        ),
      /rolling-upgrade\/node-1 of its plan is not done: it was refused in line \d+ \(not safe\)$/,
    ],
    [
      'where a node that was to be another one was not touched',
      (records) =>
        records.filter((record) => !((record.type === 'intent' || record.type === 'done') && isOf(record, first))),
      /^rolling-upgrade\/node-0 is done, but node-0 was never changed$/,
    ],
    [
      'where the last gate is missing, though the step is called done',
      (records) => records.filter((record) => !(record.type.startsWith('gate.') && isOf(record, second))),
      /^the run says passed, but node-1, changed in line \d+, has not passed a gate since$/,
    ],
    [
      'where no check of the ledger stands before its end',
      (records) => records.filter(({ type }) => type !== 'load.finished'),
      /^ledger is done, but no check of the ledger is written down$/,
    ],
    [
      'where the process that went on offered no traffic and looked for none',
      (records) => [
        ...records.slice(0, -1),
        ...records
          .slice(-1)
          .flatMap((end) => [
            instead(end, { type: 'run.resumed', by: { host: 'a', pid: 1 }, seatrialVersion: '0', code: 'x' }),
            end,
          ]),
      ],
      /ledger of its plan is not done: it was not started again after the run went on in line \d+$/,
    ],
    [
      'where its abort was asked for',
      (records) => [
        ...records.slice(0, -1),
        ...records.slice(-1).flatMap((end) => [instead(end, { type: 'abort.requested', by: 'ann' }), end]),
      ],
      /^the run says passed, but ann asked for its abort in line \d+$/,
    ],
    [
      'where it was taken back',
      (records) => [
        ...records.slice(0, -1),
        ...records
          .slice(-1)
          .flatMap((end) => [instead(end, { type: 'rollback.started', reason: 'harm', nodes: ['node-0'] }), end]),
      ],
      /^the run says passed, but what it did was taken back from line \d+ on \(harm\)$/,
    ],
    [
      'where it went on after an end that is final',
      (records) => {
        const [end] = records.slice(-1);
        if (!end) return [];
        const by = { host: 'a', pid: 1 };
        return [
          ...records.slice(0, -1),
          { ...end, outcome: 'failed', exitCode: 1 } as RunRecord,
          instead(end, { type: 'run.resumed', by, seatrialVersion: '0', code: 'x' }),
          end,
        ];
      },
      /^the run goes on although it ended as failed in line \d+, which is final$/,
    ],
  ])('%s', async (_where, edit, message) => {
    const copy = await forged(passedDir, edit);
    expect(await disagreements(copy)).toContainEqual(expect.stringMatching(message));
    expect(exitCodeOfVerification(await verified(copy))).toBe(1);
  });

  test.each([
    ['fail', 'slo'],
    ['fail', 'comparison'],
    ['fail', 'contract'],
    ['inconclusive', 'telemetry'],
  ] as const)('where it found %s (%s) and nobody answered', async (verdict, finding) => {
    const { records } = await readJournal(passedDir);
    const evidence = records.find((record) => record.type === 'gate.verdict')?.evidence ?? '';
    const event: RunEvent = { type: 'finding', step: second, finding, nodes: [], verdict, reason: 'harm', evidence };
    const copy = await withEvent(passedDir, event, isStepDone(second));
    expect(await disagreements(copy)).toEqual([
      expect.stringMatching(
        new RegExp(`^the run says passed, but ${second} found ${verdict} \\(${finding}\\) in line \\d+: harm$`),
      ),
    ]);
  });

  test('where somebody who paused it and let it go on is to excuse a gate that failed', async () => {
    const copy = await forged(failedDir, (records) => {
      const at = records.findIndex((record) => record.type === 'gate.verdict' && record.verdict.kind === 'FAIL');
      const [failed, intent] = [records[at], records.find(({ type }) => type === 'intent')];
      if (!failed || !intent) throw new Error('no gate of the run has failed');
      return [
        ...records.slice(0, at + 1),
        instead(failed, { type: 'paused', by: 'ann' }),
        instead(failed, { type: 'continued', by: 'ann' }),
        intent,
        ...records
          .slice(at + 1)
          .map((record) =>
            record.type === 'run.finished' ? { ...record, outcome: 'passed' as const, exitCode: 0 } : record,
          ),
      ];
    });
    const told = await disagreements(copy);
    expect(told).toContainEqual(expect.stringMatching(/^the run says passed, but gate-\d+ said FAIL in line \d+$/));
    expect(told).toContainEqual(expect.stringMatching(/^node-0 is touched although gate-\d+ said FAIL in line \d+$/));
  });
});

describe('a run that passed agrees', () => {
  test('with a comparison that could not tell: it is only a veto', async () => {
    const { records } = await readJournal(passedDir);
    const evidence = records.find((record) => record.type === 'gate.verdict')?.evidence ?? '';
    const copy = await withEvent(
      passedDir,
      {
        type: 'finding',
        step: second,
        finding: 'comparison',
        nodes: [],
        verdict: 'inconclusive',
        reason: '-',
        evidence,
      },
      isStepDone(second),
    );
    expect(await disagreements(copy)).toEqual([]);
  });

  test('with a guard that failed when its last step was done, which is told', async () => {
    const copy = await withEvent(passedDir, guardFailed, isStepDone('load'));
    const { result, findings } = await verified(copy);
    expect(result).toBe('agrees');
    expect(findings.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(
        /^the guard of node-0 failed in line \d+ \(height: it stands still\) when the last step was done/,
      ),
    );
  });

  test('when it was paused and went on', async () => {
    const paused = await withEvent(passedDir, { type: 'paused', by: 'ann' }, isStepDone(first));
    const copy = await withEvent(paused, { type: 'continued', by: 'ann' }, ({ type }) => type === 'paused');
    expect((await verified(copy)).findings).toEqual([]);
  });
});
