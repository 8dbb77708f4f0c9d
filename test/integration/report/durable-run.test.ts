import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadReport } from '../../../src/report/load-report.ts';
import type { ReportModel } from '../../../src/report/model.ts';
import { renderHtml } from '../../../src/report/render-html.ts';
import { renderSummary } from '../../../src/report/render-summary.ts';
import { writeDurableRun, type DurableRunOptions } from '../../helpers/durable-run.ts';
import { bodyRows, byClass, byTag, parsePage, sectionOf, textOf, type PageElement } from '../../helpers/parse-page.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

async function report(options: DurableRunOptions = {}): Promise<{ model: ReportModel; page: PageElement }> {
  const { runDir } = await writeDurableRun(join(await temporaryFolder(), 'local'), options);
  const model = await loadReport(runDir);
  return { model, page: parsePage(renderHtml(model)) };
}

describe('the report of a canary that was interrupted, resumed and approved', () => {
  test('ends as the resumed run ended, not as the interruption did', async () => {
    const { model, page } = await report();
    expect(model.run).toMatchObject({ outcome: 'inconclusive', exitCode: 3, isResumable: false, isPaused: false });
    expect(byTag(page, 'h1').map(textOf)[0]).toContain('ended without a verdict: 14 of 20 episodes');
    expect(byClass(page, 'facts').map(textOf)[0]).toContain('Resumed once');
  });

  test('says what the canary showed, with the evidence of each finding', async () => {
    const { page } = await report();
    const rows = bodyRows(sectionOf(page, 'findings'));
    expect(rows.map(([question, answer]) => [question, answer])).toEqual([
      ['Is it active? activation', 'pass'],
      ['Is the changed node worse? switchback', 'inconclusive'],
    ]);
    for (const row of rows) expect(row[4]).toMatch(/^evidence [0-9a-f]{12} \(verified\)$/);
  });

  test('tells who intervened and what was found after the interruption, in the order of time', async () => {
    const { model } = await report();
    expect(model.course.map(({ type }) => type)).toEqual([
      'lease.taken',
      'effect.intent',
      'run.finished',
      'run.resumed',
      'lease.taken',
      'observed',
      'effect.done',
      'paused',
      'continued',
      'approval.requested',
      'approval.decided',
      'choice',
      'abort.requested',
      'effect.intent',
      'finalised',
    ]);
    const texts = model.course.map(({ text }) => text).join('\n');
    expect(texts).toContain('ended as interrupted: SIGINT');
    expect(texts).toContain('resumed by process 4711 on workbench, Seatrial 0.1.1, with other code');
    expect(texts).toContain('looked at switch of validator-0, whose end was not written down: absent (off)');
    expect(texts).toContain('validator-1: snapshot was begun, its end was not written down');
    expect(texts).toContain('approve approved by operator');
  });

  test('marks interventions on the timeline, and effects on the lane of their node', async () => {
    const { model, page } = await report();
    expect(model.timeline.marks.map(({ label }) => label)).toEqual([
      'resumed',
      'paused',
      'went on',
      'abort',
      'finalised',
    ]);
    const lane = model.timeline.lanes.find(({ node }) => node === 'validator-0');
    expect(lane?.effects).toMatchObject([{ effect: 'switch' }, { effect: 'switch' }]);
    const chart = byClass(page, 'chart-wide')[0];
    expect(chart && byClass(chart, 'mark')).toHaveLength(5);
    expect(chart && byClass(chart, 'effect')).toHaveLength(3);
  });

  test('shows in the plan what was found and decided in a step, and times a step from its first begin', async () => {
    const { model, page } = await report();
    const verdicts = bodyRows(sectionOf(page, 'plan')).map(([step, status, , verdict]) => [step, status, verdict]);
    expect(verdicts).toEqual([
      ['preflight all 4 nodes', 'done', 'pass'],
      ['switch/validator-0', 'done', ''],
      ['activation validator-0', 'done', 'pass'],
      ['approve approval', 'done', 'approved'],
      // Why stands in the findings' own section.
      ['switchback all 4 nodes', 'unfinished', 'inconclusive'],
      ['finalise', 'not reached', ''],
    ]);
    const step = model.steps.find(({ id }) => id === 'switch/validator-0');
    expect(step?.durationMs).toBeGreaterThan(20_000);
  });

  test('whatever a text of the run contains, the page stays well-formed and runs nothing', async () => {
    const { page } = await report({ hostile: '"><script>alert(1)</script><!--' });
    expect(byTag(page, 'script')).toEqual([]);
    expect(textOf(sectionOf(page, 'course'))).toContain('<script>alert(1)');
  });
});

test('a run that was interrupted says that it can be resumed, and shows the switch as begun', async () => {
  const { model, page } = await report({ until: 'interrupted' });
  expect(model.run).toMatchObject({ outcome: 'interrupted', isResumable: true });
  expect(byClass(page, 'badges').map(textOf)[0]).toContain('can be resumed');
  expect(model.effects).toMatchObject([{ effect: 'switch', isDone: false }]);
});

test('a run that waits for a person says so in its plan and in its text', async () => {
  const { model } = await report({ until: 'waiting' });
  expect(model.approvals).toMatchObject([{ step: 'approve', onTimeout: 'stop' }]);
  expect(model.approvals[0]).not.toHaveProperty('decision');
  expect(model.steps.find(({ id }) => id === 'approve')).toMatchObject({ status: 'open', approval: 'waiting' });
  expect(renderSummary(model)).toMatch(/\? approve +unfinished, waiting/);
});
