import { describe, expect, test } from 'vitest';
import type { GateVerdict } from '../../../src/gates/verdict.ts';
import type { NodeBefore, ObservationLine, Plan, RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { buildReport, type ReportInput } from '../../../src/report/build-report.ts';
import { renderHtml } from '../../../src/report/render-html.ts';
import { renderSummary } from '../../../src/report/render-summary.ts';
import { byClass, parsePage, sectionOf, textOf } from '../../helpers/parse-page.ts';

const startMs = Date.parse('2026-01-01T00:00:00.000Z');
const evidenceHash = 'e'.repeat(64);
const node = (name: string, version = '1.0.0'): NodeBefore => ({
  node: name,
  version,
  digest: `sha256:${version}`,
  generation: version,
  state: 'running',
});
const plan: Plan = {
  testnet: 'local',
  runbook: 'rolling-upgrade',
  parameters: { version: '1.1.0' },
  lab: 'process',
  gate: 'standard',
  onFailure: 'rollback',
  steps: [
    { id: 'upgrade/a', kind: 'replace', nodes: ['a'], from: '1.0.0', to: '1.1.0', quorumMargin: 0 },
    { id: 'upgrade/b', kind: 'replace', nodes: ['b'], from: '1.0.0', to: '1.1.0', quorumMargin: 0 },
  ],
  halts: [],
};
const started: RunEvent = {
  type: 'run.started',
  runId: '20260101-000000-abcd',
  testnet: 'local',
  system: 'reference',
  lab: 'process',
  runbook: 'rolling-upgrade',
  planHash: 'p'.repeat(64),
  plan,
  seatrialVersion: '0.1.0',
  before: [node('a'), node('b')],
};
const verdict = (kind: GateVerdict['kind'], reason = 'because'): GateVerdict => ({
  kind,
  reason,
  cause: 'deadline',
  weak: false,
  slots: 0,
  elapsedMs: 1,
  checks: [],
});
const gateStarted: RunEvent = {
  type: 'gate.started',
  gate: 'g',
  step: 'upgrade/a',
  nodes: ['a'],
  profile: 'standard',
  deadlineMs: 1,
};
const gateEnded = (kind: GateVerdict['kind']): RunEvent => ({
  type: 'gate.verdict',
  gate: 'g',
  step: 'upgrade/a',
  nodes: ['a'],
  verdict: verdict(kind),
  evidence: evidenceHash,
});
const finished = (over: Partial<Extract<RunEvent, { type: 'run.finished' }>> = {}): RunEvent => ({
  type: 'run.finished',
  outcome: 'passed',
  exitCode: 0,
  after: [node('a'), node('b')],
  observations: 'o',
  ...over,
});

/** Records a second apart, the first being the start. */
function report(events: readonly RunEvent[], over: Partial<ReportInput> = {}, offsets?: readonly number[]) {
  const records = [started, ...events].map((event, seq): RunRecord => {
    const offsetMs = offsets?.[seq] ?? seq * 1000;
    return { seq, at: new Date(startMs + offsetMs).toISOString(), monoMs: 0, prev: '', ...event };
  });
  return buildReport({
    journal: { records, tornTail: false, headHash: 'h'.repeat(64) },
    observations: [],
    checkEvidence: async (hash) => ({ hash, file: `evidence/${hash}.json`, state: 'verified' }),
    ...over,
  });
}

test('a run without its start cannot be reported', async () => {
  const journal = { records: [], tornTail: true, headHash: '0'.repeat(64) };
  const building = buildReport({
    journal,
    observations: [],
    checkEvidence: () => Promise.reject(new Error('not asked')),
  });
  await expect(building).rejects.toThrow(/no record of its start/);
});

describe('steps', () => {
  test('a refused step says why, and what was not reached comes last', async () => {
    const { steps, headline } = await report([
      { type: 'step.started', step: 'upgrade/b' },
      { type: 'step.refused', step: 'upgrade/b', reason: 'the quorum has no margin' },
      finished({ outcome: 'refused', exitCode: 2, reason: 'the quorum has no margin.' }),
    ]);
    expect(steps).toMatchObject([
      { id: 'upgrade/b', status: 'refused', reason: 'the quorum has no margin', durationMs: 1000 },
      { id: 'upgrade/a', status: 'not-reached' },
    ]);
    expect(headline).toEqual({
      tone: 'unknown',
      label: 'refused',
      sentence:
        'rolling-upgrade of local (version=1.1.0) was refused before anything was touched: the quorum has no margin. Exit code 2.',
    });
  });

  const refused = finished({ outcome: 'refused', exitCode: 2, reason: 'the lease is lost' });
  const done = (name: string): RunEvent => ({
    type: 'done',
    step: `upgrade/${name}`,
    action: 'replace',
    node: name,
    digest: 'sha256:1.1.0',
    instance: 'i',
    version: '1.1.0',
    tookMs: 1,
  });
  const stopped: RunEvent = { type: 'effect.done', step: 's', effect: 'stop', node: 'b', tookMs: 1, detail: {} };
  const armed: RunEvent = {
    type: 'fault.armed',
    step: 'f',
    fault: 'f',
    leases: [{ id: 'l', node: 'b', kind: 'down', ttlMs: 1 }],
  };

  test.each([
    ['after one node was changed', [done('a')], '1 node had'],
    ['after two were', [done('a'), done('b')], '2 nodes had'],
    ['after one was changed and another one stopped', [done('a'), stopped], '2 nodes had'],
    ['after a node was stopped twice', [stopped, stopped], '1 node had'],
    ['after a node was broken on purpose', [armed], '1 node had'],
  ])('a run that is refused %s does not say that nothing was touched', async (_when, events, count) => {
    expect((await report([...events, refused])).headline.sentence).toBe(
      `rolling-upgrade of local (version=1.1.0) was refused on the way; ${count} been changed already: the lease is lost. Exit code 2.`,
    );
  });

  test('a node that was meant to be changed counts when it is another in the end, though nobody wrote down that it was done', async () => {
    const intent = (name: string): RunEvent => ({
      type: 'intent',
      step: `upgrade/${name}`,
      action: 'replace',
      node: name,
      toVersion: '1.1.0',
      toDigest: 'sha256:1.1.0',
      generation: '1.1.0',
    });
    const cut = finished({ outcome: 'refused', exitCode: 2, after: [node('a', '1.1.0'), node('b')] });
    const sentence = async (events: RunEvent[]): Promise<string> => (await report(events)).headline.sentence;
    expect(await sentence([intent('a'), intent('b'), cut])).toContain('1 node had been changed already');
    expect(await sentence([intent('b'), cut])).toContain('before anything was touched');
  });

  test('a step that a failed guard ended says which guard, and its time ends with the rollback', async () => {
    const { steps, guards } = await report([
      { type: 'step.started', step: 'upgrade/b' },
      { type: 'guard.failed', step: 'upgrade/b', node: 'a', check: 'liveness', reason: 'it does not answer' },
      { type: 'rollback.started', reason: 'guard', nodes: ['a', 'b'] },
      { type: 'note', level: 'info', text: 'later' },
      finished({ outcome: 'rolled-back', exitCode: 1 }),
    ]);
    expect(steps[0]).toMatchObject({ status: 'failed', reason: 'liveness of a: it does not answer', durationMs: 2000 });
    expect(guards).toEqual([
      { atMs: 2000, step: 'upgrade/b', node: 'a', check: 'liveness', reason: 'it does not answer' },
    ]);
  });

  test('a guard that failed beside the steps is no step that was not reached', async () => {
    const { steps, guards } = await report([
      { type: 'guard.failed', step: 'guard', node: 'a', check: 'liveness', reason: 'it does not answer' },
      finished(),
    ]);
    expect(steps.map(({ id }) => id)).toEqual(['upgrade/a', 'upgrade/b']);
    expect(guards).toHaveLength(1);
  });

  test('a step that was not planned is shown with the nodes and versions of its intents', async () => {
    const { steps } = await report([
      { type: 'step.started', step: 'rollback/a' },
      {
        type: 'intent',
        step: 'rollback/a',
        action: 'replace',
        node: 'a',
        fromVersion: '1.1.0',
        toVersion: '1.0.0',
        toDigest: 'sha256:x',
        generation: 'g',
      },
      { type: 'step.done', step: 'rollback/a' },
    ]);
    expect(steps[0]).toEqual({
      id: 'rollback/a',
      kind: 'unplanned',
      nodes: ['a'],
      from: '1.1.0',
      to: '1.0.0',
      status: 'done',
      startedMs: 1000,
      durationMs: 2000,
    });
  });

  test('an open step of a run that did not finish is unfinished, not failed', async () => {
    const { steps, run } = await report([{ type: 'step.started', step: 'upgrade/a' }]);
    expect(steps[0]).toMatchObject({ id: 'upgrade/a', status: 'open' });
    expect(run).toMatchObject({ outcome: 'unfinished' });
    expect(run).not.toHaveProperty('exitCode');
  });
});

describe('gates', () => {
  test('a gate that is repeated under its name keeps both verdicts', async () => {
    const { gates, steps } = await report([
      { type: 'step.started', step: 'upgrade/a' },
      gateStarted,
      { type: 'gate.phase', gate: 'g', phase: 'settle' },
      gateEnded('HOLD'),
      gateStarted,
      { type: 'gate.phase', gate: 'g', phase: 'observe' },
      gateEnded('PASS'),
      finished(),
    ]);
    expect(gates).toMatchObject([
      { kind: 'HOLD', fromMs: 2000, toMs: 4000, phases: [{ phase: 'settle', fromMs: 3000, toMs: 4000 }] },
      { kind: 'PASS', fromMs: 5000, toMs: 7000, phases: [{ phase: 'observe', fromMs: 6000, toMs: 7000 }] },
    ]);
    expect(steps[0]).toMatchObject({ verdict: 'PASS' });
  });

  test('a gate without a verdict lasts until the run was last seen', async () => {
    const observations = [
      { atMs: startMs + 9000, node: 'a', state: 'running', alive: true, acknowledged: 0, errors: 0 },
    ];
    const { gates, timeline } = await report([gateStarted, { type: 'gate.phase', gate: 'g', phase: 'settle' }], {
      observations,
    });
    expect(gates).toMatchObject([{ kind: 'none', toMs: 9000, phases: [{ toMs: 9000 }] }]);
    expect(timeline.lanes[0]?.gates).toMatchObject([{ kind: 'none', fromMs: 1000, toMs: 9000 }]);
  });

  test('evidence that is missing or was changed is said to be so', async () => {
    for (const [state, text] of [
      ['missing', /evidence e{12} is missing/],
      ['damaged', /evidence e{12} \(changed since\)/],
    ] as const) {
      const model = await report([gateStarted, gateEnded('PASS'), finished()], {
        checkEvidence: async (hash) => ({ hash, state, ...(state === 'missing' ? {} : { file: 'evidence/e.json' }) }),
      });
      expect(model.gates[0]?.evidence?.state).toBe(state);
      expect(textOf(sectionOf(parsePage(renderHtml(model)), 'gates'))).toMatch(text);
    }
  });
});

describe('observations', () => {
  const line = (atMs: number): ObservationLine => ({
    atMs: startMs + atMs,
    node: 'a',
    state: 'running',
    alive: true,
    acknowledged: 10,
    errors: 0,
  });

  test('are verified against the hash in the last record', async () => {
    const states = ['o', 'x', undefined].map(async (observationsHash) => {
      const { run } = await report([finished()], { observations: [line(500)], observationsHash });
      return run.observations.state;
    });
    expect(await Promise.all(states)).toEqual(['verified', 'changed', 'missing']);
  });

  test('of a run that did not finish are vouched for by nothing', async () => {
    const model = await report([], { observations: [line(500)], observationsHash: 'o' });
    expect(model.run.observations).toEqual({ lines: 1, state: 'unvouched' });
    expect(textOf(sectionOf(parsePage(renderHtml(model)), 'timeline'))).toContain('no hash vouches');
  });

  test('may come one by one', async () => {
    async function* lines() {
      yield line(1000);
      yield line(2000);
    }
    const { timeline } = await report([finished()], { observations: lines() }, [0, 2000]);
    expect(timeline.total.acknowledgedPerSecond).toEqual([10, 10]);
  });
});

test('a clock that jumps back does not turn the timeline round', async () => {
  const { timeline, notes } = await report(
    [{ type: 'note', level: 'info', text: 'one' }, { type: 'note', level: 'info', text: 'two' }, finished()],
    {},
    [0, 5000, 2000, 6000],
  );
  expect(notes.map(({ atMs }) => atMs)).toEqual([5000, 5000]);
  expect(timeline.endMs).toBe(6000);
});

test('a node that the run created, and one that it removed, have half a row each', async () => {
  const change = { step: 's', toDigest: 'sha256:x', generation: 'g' } as const;
  const { nodes, timeline } = await report([
    { type: 'intent', ...change, action: 'create', node: 'c', toVersion: '1.1.0' },
    { type: 'done', ...change, action: 'create', node: 'c', digest: 'd', instance: 'i', version: '1.1.0', tookMs: 1 },
    { type: 'intent', ...change, action: 'remove', node: 'b', toVersion: '1.0.0' },
    { type: 'done', ...change, action: 'remove', node: 'b', digest: 'd', instance: 'i', version: '1.0.0', tookMs: 1 },
    finished({ after: [node('a'), node('c', '1.1.0')] }),
  ]);
  expect(nodes.map((each) => [each.node, each.before?.version, each.after?.version, each.isChanged])).toEqual([
    ['a', '1.0.0', '1.0.0', false],
    ['b', '1.0.0', undefined, true],
    ['c', undefined, '1.1.0', true],
  ]);
  expect(timeline.lanes.find((lane) => lane.node === 'b')?.releases).toEqual([
    { version: '1.0.0', fromMs: 0, toMs: 3000 },
    { version: null, fromMs: 3000, toMs: 4000 },
  ]);
});

test('a figure that was not measured is never shown as zero', async () => {
  const model = await report([finished()]);
  expect(model.cost).toEqual({});
  const cost = sectionOf(parsePage(renderHtml(model)), 'cost');
  expect(byClass(cost, 'figure').map(textOf)).toEqual(['–', '–', '–', '–', '–']);
  expect(textOf(cost)).toContain('No load was offered, so nothing is known about transactions.');
  expect(renderSummary(model)).not.toContain('cost:');
});

test('zero lost is not good as long as some were not looked for', async () => {
  const summary = { sent: 9, acknowledged: 9, rejected: 0, unknown: 0, lost: 0, duplicated: 0, unchecked: 3 };
  const model = await report([
    { type: 'load.started', perSecond: 5 },
    { type: 'load.finished', summary, evidence: evidenceHash },
    finished({ cost: { lost: 0, duplicated: 0, durationMs: 1, worstStallMs: 1840 } }),
  ]);
  const [lost, , unchecked, stall] = byClass(sectionOf(parsePage(renderHtml(model)), 'cost'), 'figure');
  expect(lost?.attributes['class']).toBe('figure unknown');
  expect(unchecked && textOf(unchecked)).toBe('3');
  expect(stall && textOf(stall)).toBe('1.8 s');
  expect(renderSummary(model)).toContain(
    'cost: 9 transactions acknowledged, 0 lost, 0 duplicated, 3 unchecked, worst stall 1.8 s',
  );
});

test('a torn journal is said to be torn', async () => {
  const { records } = { records: [{ seq: 0, at: new Date(startMs).toISOString(), monoMs: 0, prev: '', ...started }] };
  const model = await report([], { journal: { records, tornTail: true, headHash: 'h'.repeat(64) } });
  expect(byClass(parsePage(renderHtml(model)), 'chart-wide')).toHaveLength(1);
  expect(renderHtml(model)).toContain('Its last line was unfinished');
});

test('the summary prints no escape sequence that a run put into a text', async () => {
  const summary = renderSummary(await report([finished({ reason: 'red \u001b[31m alert\u0007' })]));
  expect(summary).toContain('red  [31m alert .');
  expect(summary.includes('\u001b')).toBe(false);
});
