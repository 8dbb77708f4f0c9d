import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GateEvidence } from '../../../src/gates/gate-evidence.ts';
import { evidenceFile, loadEvidence, storeEvidence } from '../../../src/journal/evidence.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { journalFile } from '../../../src/journal/run-files.ts';
import { exitCodeOfVerification } from '../../../src/verify/verify-run.ts';
import { busyWorld, copyOf, forged, turnBit, verified } from '../../helpers/verified-run.ts';

let suiteFolder = '';
let runDir = '';
let rolledBackDir = '';

beforeAll(async () => {
  suiteFolder = await mkdtemp(join(tmpdir(), 'seatrial-verify-'));
});

afterAll(() => rm(suiteFolder, { recursive: true, force: true }));

/** Both runs are made once, in whichever test comes first, and kept for all. */
beforeEach(async () => {
  if (runDir !== '') return;
  const good = await busyWorld();
  const passed = await good.upgrade({ hasLoad: true, nodes: ['node-0', 'node-1'] });
  const bad = await busyWorld();
  const failed = await bad.upgrade({ to: '3.0.0', nodes: ['node-0', 'node-1'] });
  rolledBackDir = join(suiteFolder, 'rolled-back');
  await cp(failed.result.runDir, rolledBackDir, { recursive: true });
  await cp(passed.result.runDir, join(suiteFolder, 'passed'), { recursive: true });
  runDir = join(suiteFolder, 'passed');
}, 60_000);

const findings = async (dir: string): Promise<string[]> =>
  (await verified(dir)).findings
    .filter(({ kind }) => kind !== 'note')
    .map(({ kind, rule, file, line }) => `${kind} ${rule} ${file}:${line ?? ''}`);

function lineOf(records: readonly RunRecord[], find: (record: RunRecord) => boolean): number {
  const index = records.findIndex(find);
  if (index === -1) throw new Error('the run has no such record');
  return index + 1;
}

/** Forges the first record that `change` changes; the finding's line is its. */
async function forgedRecord(
  dir: string,
  change: (record: RunRecord) => RunRecord | undefined,
): Promise<{ copy: string; line: number }> {
  let line = 0;
  const copy = await forged(dir, (records) =>
    records.map((record, index) => {
      const changed = line === 0 ? change(record) : undefined;
      if (changed) line = index + 1;
      return changed ?? record;
    }),
  );
  if (line === 0) throw new Error('nothing was forged');
  return { copy, line };
}

describe('a run that nobody has touched', () => {
  test('agrees, with every gate made again', async () => {
    const verification = await verified(runDir);
    expect(verification.findings).toEqual([]);
    expect(verification).toMatchObject({ result: 'agrees', isFinished: true, outcome: 'passed' });
    const { records } = await readJournal(runDir);
    const gates = records.filter(({ type }) => type === 'gate.verdict').length;
    expect(gates).toBeGreaterThanOrEqual(3);
    expect(verification.verdicts).toBe(gates);
    expect(verification.evidence).toBeGreaterThanOrEqual(4);
    expect(exitCodeOfVerification(verification)).toBe(0);
  });

  test('agrees when it was rolled back', async () => {
    const verification = await verified(rolledBackDir);
    expect(verification.findings).toEqual([]);
    expect(verification).toMatchObject({ result: 'agrees', outcome: 'rolled-back' });
    expect(verification.verdicts).toBeGreaterThanOrEqual(4);
  });

  test('agrees when a guard ended it, whose verdict is made again too', async () => {
    const guarded = await busyWorld({ progress: { maxStallMs: 2000, maxLag: 3, minPeers: () => 1 } });
    let isSecond = false;
    const { result, records } = await guarded.upgrade({
      nodes: ['node-0', 'node-1'],
      onFailure: 'hold',
      onRecord: (record) => {
        if (record.type === 'done' && record.node === 'node-1') isSecond = true;
        if (isSecond && record.type === 'gate.phase' && record.phase === 'observe') {
          guarded.show('node-0', { healthStatus: 500 });
        }
      },
    });
    const failed = records.filter((record) => record.type === 'guard.failed');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.evidence).toMatch(/^[0-9a-f]{64}$/);
    const verification = await verified(result.runDir);
    expect(verification.findings).toEqual([]);
    expect(verification.verdicts).toBe(records.filter(({ type }) => type === 'gate.verdict').length + 1);
    const { copy, line } = await forgedRecord(result.runDir, (record) =>
      record.type === 'guard.failed' ? { ...record, reason: 'it was the weather' } : undefined,
    );
    expect(await findings(copy)).toEqual([`disagrees verdict journal.jsonl:${line}`]);
  });

  test('agrees as far as it came when it was killed, and is said to be unfinished', async () => {
    for (const share of [0.3, 0.6, 0.9]) {
      const copy = await forged(runDir, (records) => records.slice(0, Math.floor(records.length * share)));
      const verification = await verified(copy);
      expect(verification.findings.filter(({ kind }) => kind !== 'note')).toEqual([]);
      expect(verification).toMatchObject({ result: 'agrees', isFinished: false });
      expect(verification.findings.map(({ rule }) => rule)).toContain('observations');
      expect(verification.outcome).toBeUndefined();
    }
  });

  test('agrees when its last line was torn', async () => {
    const copy = await copyOf(runDir);
    const file = join(copy, 'journal.jsonl');
    const content = await readFile(file);
    await writeFile(file, content.subarray(0, content.length - 40));
    const verification = await verified(copy);
    expect(verification).toMatchObject({ result: 'agrees', isFinished: false });
    expect(verification.findings.map(({ rule }) => rule)).toContain('torn-tail');
  });

  test('agrees when it was resumed', async () => {
    const copy = await forged(runDir, (records) => {
      const at = lineOf(records, ({ type }) => type === 'intent');
      const [intent] = records.slice(at - 1);
      if (intent?.type !== 'intent') throw new Error('no intent');
      const { step, node, at: time } = intent;
      const envelope = { seq: 0, prev: '', at: time, monoMs: 0 };
      return [
        ...records.slice(0, at),
        { ...envelope, type: 'run.resumed', by: { host: 'a', pid: 1 }, seatrialVersion: '0', code: 'x' },
        { ...envelope, type: 'observed', step, action: 'replace', node, verdict: 'absent' },
        intent,
        ...records.slice(at),
      ];
    });
    expect(await findings(copy)).toEqual([]);
  });
});

describe('a run of another version', () => {
  test('is told apart from one that disagrees, when its verdicts come out differently', async () => {
    const copy = await copyOf(runDir);
    const { records } = await readJournal(copy);
    const verdict = records.find((record) => record.type === 'gate.verdict');
    if (!verdict) throw new Error('no verdict');
    const evidence = (await loadEvidence(copy, verdict.evidence)) as GateEvidence;
    const system = { ...evidence.system, rules: 0 };
    const hash = await storeEvidence(copy, { ...evidence, system, slots: [] });
    const old = await forged(copy, (all) =>
      all.map((each) => (each.seq === verdict.seq ? { ...verdict, evidence: hash } : each)),
    );
    const verification = await verified(old);
    expect(verification.result).toBe('agrees');
    expect(verification.findings.map(({ rule }) => rule)).toEqual(['evidence-unreferenced', 'other-rules']);
  });
});

describe('an edited byte', () => {
  test.each(['journal.jsonl', 'observations.jsonl', 'ledger.jsonl', 'evidence'])(
    'of %s is found and the file is named',
    async (name) => {
      const copy = await copyOf(runDir);
      const files = name === 'evidence' ? (await readdir(join(copy, name))).map((each) => join(name, each)) : [name];
      expect(files.length).toBeGreaterThan(0);
      await fc.assert(
        fc.asyncProperty(fc.nat(files.length - 1), fc.nat(), fc.nat(7), async (which, offset, bit) => {
          const relative = files[which] ?? '';
          const file = join(copy, relative);
          const { size } = await stat(file);
          expect(size).toBeGreaterThan(0);
          const at = offset % size;
          await turnBit(file, at, bit);
          const verification = await verified(copy);
          await turnBit(file, at, bit);
          const damaged = verification.findings.filter(({ kind }) => kind === 'damaged');
          expect(damaged.map(({ file: found }) => found)).toContain(relative);
          expect(exitCodeOfVerification(verification)).toBe(2);
        }),
        { numRuns: 40, examples: [[0, 2 ** 31 - 1, 0]] },
      );
      expect((await verified(copy)).result).toBe('agrees');
    },
    60_000,
  );

  test('in place of the last line end is not taken for a torn line', async () => {
    const copy = await copyOf(runDir);
    const { size } = await stat(join(copy, 'journal.jsonl'));
    await turnBit(join(copy, 'journal.jsonl'), size - 1, 0);
    expect(await findings(copy)).toContain('damaged torn-tail journal.jsonl:');
  });

  test('of the journal is told with its line', async () => {
    const copy = await copyOf(runDir);
    const text = await readFile(join(copy, 'journal.jsonl'), 'utf8');
    const at = text.indexOf('"kind":"PASS"');
    const line = text.slice(0, at).split('\n').length;
    await turnBit(join(copy, 'journal.jsonl'), at + 8, 1);
    expect(await findings(copy)).toEqual([`damaged chain journal.jsonl:${line}`]);
  });
});

describe('files', () => {
  test('that are missing are named', async () => {
    const copy = await copyOf(runDir);
    const { records } = await readJournal(copy);
    const first = records.find((record) => record.type === 'gate.verdict')?.evidence ?? '';
    await rm(join(copy, (await evidenceFile(copy, first)) ?? ''));
    await rm(join(copy, 'observations.jsonl'));
    await rm(join(copy, 'ledger.jsonl'));
    const verification = await verified(copy);
    const messages = verification.findings.map(({ file, message }) => `${file} ${message}`).join('\n');
    expect(messages).toContain(`evidence/${first}.json is missing`);
    expect(messages).toContain('observations.jsonl it is missing');
    expect(messages).toContain('ledger.jsonl it is missing');
    expect(verification.result).toBe('damaged');
  });

  test('that no record refers to are named, and harm nothing', async () => {
    const copy = await copyOf(runDir);
    const hash = await storeEvidence(copy, { stray: true });
    const verification = await verified(copy);
    expect(verification.result).toBe('agrees');
    expect(verification.findings).toMatchObject([
      { kind: 'note', rule: 'evidence-unreferenced', file: `evidence/${hash}.json` },
    ]);
  });

  test('that grew after the run are found', async () => {
    const copy = await copyOf(runDir);
    await writeFile(join(copy, 'ledger.jsonl'), '{"outcome":"acknowledged","latencyMs":1}\n', { flag: 'a' });
    expect(await findings(copy)).toEqual(['damaged ledger ledger.jsonl:']);
  });
});

describe('a journal that was forged and chained anew', () => {
  test.each<[string, string, string, (record: RunRecord) => RunRecord | undefined]>([
    [
      'a verdict that does not follow',
      'verdict',
      'rolled back',
      (record) =>
        record.type === 'gate.verdict' && record.verdict.kind === 'FAIL'
          ? { ...record, verdict: { ...record.verdict, kind: 'PASS' } }
          : undefined,
    ],
    [
      'a slot of a verdict',
      'verdict',
      'passed',
      (record) => {
        if (record.type !== 'gate.verdict') return undefined;
        const [check, ...checks] = record.verdict.checks;
        if (!check) return undefined;
        return { ...record, verdict: { ...record.verdict, checks: [{ ...check, ok: check.ok + 1 }, ...checks] } };
      },
    ],
    [
      'a plan',
      'plan',
      'passed',
      (record) =>
        record.type === 'run.started' ? { ...record, plan: { ...record.plan, onFailure: 'hold' } } : undefined,
    ],
    [
      'an exit code',
      'exit-code',
      'rolled back',
      (record) => (record.type === 'run.finished' ? { ...record, exitCode: 0 } : undefined),
    ],
    [
      'a loss',
      'load',
      'passed',
      (record) =>
        record.type === 'load.finished' ? { ...record, summary: { ...record.summary, sent: 1 } } : undefined,
    ],
  ])('is caught with %s', async (_what, rule, which, change) => {
    const { copy, line } = await forgedRecord(which === 'passed' ? runDir : rolledBackDir, change);
    const verification = await verified(copy);
    const found = verification.findings.filter(({ kind }) => kind === 'disagrees');
    expect(found.map((finding) => `${finding.rule} ${finding.line}`)).toContain(`${rule} ${line}`);
    expect(exitCodeOfVerification(verification)).toBe(1);
  });

  test('is caught with an outcome that its verdicts do not carry', async () => {
    const { copy } = await forgedRecord(rolledBackDir, (record) =>
      record.type === 'run.finished' ? { ...record, outcome: 'passed', exitCode: 0 } : undefined,
    );
    expect((await findings(copy)).join()).toMatch(/disagrees outcome journal\.jsonl/);
  });

  test.each<[string, string, (record: RunRecord, seen: RunRecord[]) => boolean]>([
    ['an intent', 'intent', ({ type }) => type === 'intent'],
    ['the gate between two nodes', 'gate-between', (record, seen) => isFirstGate(record, seen)],
    ['the start of a gate', 'gate', ({ type }) => type === 'gate.started'],
    ['the start of the rollback', 'after-failure', ({ type }) => type === 'rollback.started'],
  ])('is caught without %s', async (_what, rule, isGone) => {
    const dir = rule === 'after-failure' ? rolledBackDir : runDir;
    let gone = 0;
    const copy = await forged(dir, (records) =>
      records.filter((record, index) => {
        const isIt = gone === 0 && isGone(record, records.slice(0, index));
        if (isIt) gone = index + 1;
        return !isIt;
      }),
    );
    expect(gone).toBeGreaterThan(0);
    const verification = await verified(copy);
    expect(verification.findings.filter(({ kind }) => kind === 'disagrees').map((finding) => finding.rule)).toContain(
      rule,
    );
  });

  test('is caught with evidence of another gate', async () => {
    const copy = await forged(runDir, (records) => {
      const verdicts = records.filter((record) => record.type === 'gate.verdict');
      const [first, second] = verdicts;
      if (!first || !second) throw new Error('two verdicts are needed');
      return records.map((record) => (record === second ? { ...second, evidence: first.evidence } : record));
    });
    expect((await findings(copy)).join()).toMatch(/disagrees verdict journal\.jsonl/);
  });

  test('is caught with an action that is begun again blindly by the next process', async () => {
    const copy = await forged(runDir, (records) => {
      const at = lineOf(records, ({ type }) => type === 'intent');
      const intent = records[at - 1];
      if (!intent) throw new Error('no intent');
      const { at: time } = intent;
      const resumed: RunRecord = {
        seq: 0,
        prev: '',
        at: time,
        monoMs: 0,
        type: 'run.resumed',
        by: { host: 'a', pid: 1 },
        seatrialVersion: '0',
        code: 'x',
      };
      return [...records.slice(0, at), resumed, intent, ...records.slice(at)];
    });
    expect((await findings(copy)).join()).toMatch(/disagrees blind-repeat journal\.jsonl/);
  });
});

describe('a journal in which no run begins', () => {
  const expected = {
    kind: 'damaged',
    rule: 'empty',
    file: 'journal.jsonl',
    message: 'it holds no record: a run begins with run.started, and without it nothing can be concluded',
  };

  test('proves nothing when it is empty', async () => {
    const copy = await copyOf(runDir);
    await truncate(journalFile(copy));
    const verification = await verified(copy);
    expect(verification).toMatchObject({ result: 'damaged', records: 0, isFinished: false });
    expect(verification.findings).toContainEqual(expected);
    expect(exitCodeOfVerification(verification)).toBe(2);
  });

  test('proves nothing when its first line was cut off', async () => {
    const copy = await copyOf(runDir);
    await writeFile(journalFile(copy), '{"seq":0,"at":"2026-');
    expect((await verified(copy)).findings).toContainEqual(expected);
  });

  test('disagrees when it begins with something else', async () => {
    const copy = await forged(runDir, (records) => records.slice(1));
    const { findings, result } = await verified(copy);
    expect(result).toBe('disagrees');
    expect(findings).toContainEqual({
      kind: 'disagrees',
      rule: 'first-record',
      file: 'journal.jsonl',
      line: 1,
      message: 'a run begins with run.started, once',
    });
  });
});

function isFirstGate(record: RunRecord, seen: readonly RunRecord[]): boolean {
  return record.type === 'gate.verdict' && seen.some(({ type }) => type === 'done');
}
