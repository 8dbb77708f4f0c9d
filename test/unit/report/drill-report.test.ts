import { describe, expect, test } from 'vitest';
import type { DrillMilestone, ExerciseResult, PlannedDrill } from '../../../src/journal/drill-records.ts';
import type { Plan, RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { buildReport } from '../../../src/report/build-report.ts';
import { renderHtml } from '../../../src/report/render-html.ts';
import { renderMarkdown } from '../../../src/report/render-markdown.ts';
import { parsePage, sectionOf, textOf } from '../../helpers/parse-page.ts';

const startMs = Date.parse('2026-01-01T00:00:00.000Z');
const lossId = 'node-loss';
const cutId = 'partition';

function drillOf(more: Partial<PlannedDrill> = {}): PlannedDrill {
  return {
    exercises: [
      { id: lossId, title: 'a is gone', objectives: { rtoMs: 10_000, rpoWrites: 0 }, hasService: true },
      {
        id: cutId,
        title: 'b is cut off',
        objectives: { rpoWrites: 0 },
        targetsMs: { verified: 1_000 },
        hasService: true,
      },
    ],
    windowMs: 5_000,
    successShare: 0.99,
    rateShare: 0.8,
    isShort: true,
    participants: ['those on call'],
    warnings: [],
    ...more,
  };
}

const milestone = (drill: string, name: DrillMilestone, afterMs: number, detail?: string): RunEvent => ({
  type: 'drill.milestone',
  drill,
  milestone: name,
  atMs: startMs + afterMs,
  ...(detail !== undefined && { detail }),
});
const rpo = { lostWrites: 0, oldestLostMs: 0, rolledBackWrites: 0, lostFromBackup: 0 };
const result = (exercises: ExerciseResult[]): RunEvent => ({
  type: 'drill.result',
  exercises,
  integrity: { duplicated: 0, resurrected: 1, reordered: 0, acceptedByMinority: 0, unchecked: 0 },
  evidence: 'e'.repeat(64),
});

const events: RunEvent[] = [
  milestone(lossId, 'begun', 0),
  milestone(lossId, 'injected', 10_000, 'a is killed'),
  milestone(lossId, 'verified', 10_500),
  milestone(lossId, 'alert-firing', 15_000, 'NodeDown of a'),
  milestone(lossId, 'alert-delivered', 16_000, 'the Alertmanager has notified people'),
  milestone(lossId, 'service', 30_500),
  milestone(cutId, 'begun', 40_000),
  milestone(cutId, 'injected', 50_000),
  milestone(cutId, 'verified', 53_000),
  milestone(cutId, 'service', 53_000),
  result([
    {
      drill: lossId,
      verdict: 'fail',
      reasons: ['recovery took 20.0 s, the RTO is 10.0 s'],
      recovery: { rtoMs: 20_000, parts: { restoreMs: 15_000, serviceMs: 5_000 } },
      rpo,
    },
    {
      drill: cutId,
      verdict: 'pass',
      reasons: [],
      recovery: { rtoMs: 0, parts: { serviceMs: 0 } },
      rpo: { ...rpo, rolledBackWrites: 2 },
    },
  ]),
];

function reported(drill: PlannedDrill, happened: readonly RunEvent[] = events) {
  const plan: Plan = {
    testnet: 'local',
    runbook: 'quarterly',
    parameters: {},
    lab: 'process',
    gate: 'smoke',
    onFailure: 'hold',
    steps: [],
    halts: [],
    drill,
  };
  const started: RunEvent = {
    type: 'run.started',
    runId: '20260101-000000-abcd',
    testnet: 'local',
    system: 'reference',
    lab: 'process',
    runbook: 'quarterly',
    planHash: 'p'.repeat(64),
    plan,
    seatrialVersion: '0.1.0',
    before: [],
  };
  const finished: RunEvent = { type: 'run.finished', outcome: 'failed', exitCode: 1, after: [], observations: 'o' };
  const records = [started, ...happened, finished].map((event, seq): RunRecord => {
    return { seq, at: new Date(startMs + seq * 1000).toISOString(), monoMs: 0, prev: '', ...event };
  });
  return buildReport({
    journal: { records, tornTail: false, headHash: 'h'.repeat(64) },
    observations: [],
    checkEvidence: async (hash) => ({ hash, file: `evidence/${hash}.json`, state: 'verified' }),
  });
}

describe('the report of several drills', () => {
  test('has the worst verdict, the longest recovery and the sum of what was lost', async () => {
    const { drill } = await reported(drillOf());
    expect(drill).toMatchObject({
      verdict: 'fail',
      rtoMs: 20_000,
      rtoParts: { restoreMs: 15_000, serviceMs: 5_000 },
      rpo: { lostWrites: 0, rolledBackWrites: 2 },
    });
    expect(drill?.exercises.map(({ verdict }) => verdict)).toEqual(['fail', 'pass']);
  });

  test('claims no met RPO while acknowledged writes could not be looked for', async () => {
    const markdown = renderMarkdown(await reported(drillOf()));
    expect(markdown).toMatch(/\| Lost writes \| ≤ 0 \| 0 \| yes \|/);
    const unsure = events.map((event) =>
      event.type === 'drill.result' && event.integrity
        ? { ...event, integrity: { ...event.integrity, unchecked: 7 } }
        : event,
    );
    const model = await reported(drillOf(), unsure);
    expect(renderMarkdown(model)).not.toMatch(/\| Lost writes .* yes/);
    expect(renderMarkdown(model)).toMatch(/\| Lost writes \| ≤ 0 \| ≥ 0 \| {2}\|/);
    expect(textOf(sectionOf(parsePage(renderHtml(model)), 'drill'))).toContain('≥ 0');
  });

  test('tells the window of good service, and of none where none is looked for', async () => {
    expect(renderMarkdown(await reported(drillOf()))).toContain(
      '- good service: one window of 5.0 s (a full-size drill',
    );
    const { exercises } = drillOf();
    const without = exercises.map((exercise) => ({ ...exercise, hasService: false }));
    const model = await reported(drillOf({ exercises: without, isShort: false }));
    expect(renderMarkdown(model)).not.toContain('good service: one window');
    expect(renderMarkdown(model)).toContain('- integrity: ');
  });

  test('asks for a quicker decision only where somebody had to decide', async () => {
    const slow: RunEvent[] = [
      ...events.slice(0, -1),
      result([
        {
          drill: lossId,
          verdict: 'pass',
          reasons: [],
          recovery: { rtoMs: 20_000, parts: { decideMs: 15_000, serviceMs: 5_000 } },
          rpo,
        },
      ]),
    ];
    const planned = await reported(drillOf(), slow);
    expect(planned.drill?.recommendations).toContainEqual(
      expect.stringMatching(/15\.0 s of 20\.0 s\) went into the time before the recovery that the plan/),
    );
    const asked: RunEvent = {
      ...{ type: 'approval.decided', step: 'agree', planHash: 'p', decision: 'approved', by: 'operator@host' },
    };
    const decided = await reported(drillOf(), [asked, ...slow]);
    expect(decided.drill?.recommendations).toContainEqual(
      expect.stringMatching(/write down who may begin the recovery/),
    );
  });

  test('tells when an alert fired and was delivered after what was broken, and nothing where none did', async () => {
    const model = await reported(drillOf());
    expect(model.drill?.exercises.map(({ alert }) => alert)).toEqual([
      { firingMs: 5_000, deliveredMs: 6_000 },
      undefined,
    ]);
    const sentence = /An alert fired 5.* s after the disaster, and was delivered after 6.* s\./;
    expect(renderMarkdown(model)).toMatch(sentence);
    expect(textOf(sectionOf(parsePage(renderHtml(model)), 'drill'))).toMatch(sentence);
    const silent = events.filter((event) => !('milestone' in event && event.milestone === 'alert-delivered'));
    expect(renderMarkdown(await reported(drillOf(), silent))).toContain('and was not seen to be delivered.');
  });

  test('counts what was missed and what came late as issues, each an action item with its owner and day', async () => {
    const { drill } = await reported(drillOf({ owner: 'operations', dueMs: 14 * 86_400_000 }));
    expect(drill?.actions).toEqual([
      { what: 'node-loss: recovery took 20.0 s, the RTO is 10.0 s', owner: 'operations', due: '2026-01-15' },
      {
        what: expect.stringMatching(/^partition: verified was reached after 3.* s, the target is 1.* s$/) as string,
        owner: 'operations',
        due: '2026-01-15',
      },
    ]);
  });

  test('leaves owner and day blank where the testnet file names none, for people to fill in', async () => {
    const model = await reported(drillOf());
    expect(model.drill?.actions.map(({ owner, due }) => [owner, due])).toEqual([
      ['', ''],
      ['', ''],
    ]);
    expect(renderMarkdown(model)).toContain('(owner: ____, due: ____)');
  });

  test('of a run that was killed says that it is unfinished, with the milestones that were reached', async () => {
    const { drill } = await reported(drillOf(), events.slice(0, 3));
    expect(drill?.verdict).toBe('unfinished');
    expect(drill?.rtoMs).toBeUndefined();
    expect(drill?.exercises[0]?.milestones.map(({ milestone: name }) => name)).toEqual([
      'begun',
      'injected',
      'verified',
    ]);
  });
});

describe('the page and the ticket of a drill', () => {
  test('show objectives, parts of the recovery, milestones and integrity', async () => {
    const model = await reported(drillOf());
    const page = textOf(sectionOf(parsePage(renderHtml(model)), 'drill')).replace(/\s+/g, ' ');
    const ticket = renderMarkdown(model);
    for (const text of [page, ticket]) {
      // Before the details a line for each.
      expect(text.replaceAll(/[|\s]+/g, ' ')).toMatch(/node-loss fail 20.* s 0 5.* s 6.* s partition pass 0 ms 0 – –/);
      expect(text).toContain('a is gone: fail');
      expect(text).toContain('b is cut off: pass');
      expect(text).toMatch(/Of the recovery time: restore 15.* s, service 5.* s/);
      expect(text).toContain('1 resurrected');
      expect(text).toContain('2 rolled back as declared');
      expect(text).toContain('NodeDown of a');
      expect(text).toContain('those on call');
    }
    expect(ticket).toContain('**no**');
  });
});
