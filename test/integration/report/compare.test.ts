import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compareReports } from '../../../src/report/compare-reports.ts';
import { loadReport } from '../../../src/report/load-report.ts';
import type { ReportModel } from '../../../src/report/model.ts';
import { comparisonHtml, comparisonMarkdown, comparisonText } from '../../../src/report/render-comparison.ts';
import { bodyRows, byTag, parsePage, textOf } from '../../helpers/parse-page.ts';
import { writeSampleRun, type SampleKind } from '../../helpers/sample-run.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

async function sample(kind: SampleKind): Promise<ReportModel> {
  return loadReport((await writeSampleRun(join(await temporaryFolder(), 'local'), { kind })).runDir);
}

/** The same run, but for what is given. */
function changed(model: ReportModel, load: Partial<NonNullable<ReportModel['cost']['load']>>): ReportModel {
  if (!model.cost.load) throw new Error('the sample has a load');
  return { ...model, cost: { ...model.cost, load: { ...model.cost.load, ...load } } };
}

test('a run compared with itself has nothing worse', async () => {
  const model = await sample('upgraded');
  const comparison = compareReports(model, model);
  expect(comparison.worse).toEqual([]);
  expect(comparison.caveats).toEqual([]);
  expect(comparison.cost.filter(({ a }) => a !== undefined).length).toBeGreaterThanOrEqual(10);
  expect(comparison.steps).toHaveLength(7);
  expect(comparison.checks).toHaveLength(25);
  expect(comparisonText(comparison)).toContain('Nothing became worse from A to B.');
});

test('what became worse is marked with the numbers of both runs', async () => {
  const [good, bad] = [await sample('upgraded'), await sample('rolled-back')];
  const comparison = compareReports(good, bad);
  expect(comparison.worse).toEqual(
    expect.arrayContaining([
      'outcome: passed, then rolled-back',
      'missed rounds: 4, then 6 (+2)',
      'worst stall: 1840 ms, then 2310 ms (+26 %)',
      expect.stringMatching(
        /^check height-advances in upgrade\/validator-0: 0 bad, 0 unknown of 8 slots, then 3 bad, 0 unknown of 3 slots$/,
      ),
    ]),
  );
  // Shorter, because it was given up: not worse.
  expect(comparison.cost.find(({ name }) => name === 'duration')).toMatchObject({ isWorse: false });
  const text = comparisonText(comparison);
  expect(text).toMatch(/worst stall +1840 ms +2310 ms +\+26 % +worse/);
  expect(text).toMatch(/upgrade\/validator-3 +\d+ ms +– *\n/);
});

test('one lost transaction is worse, one millisecond is not, and fewer errors are no harm', async () => {
  const model = await sample('upgraded');
  const worse = (load: Parameters<typeof changed>[1]): string[] => compareReports(model, changed(model, load)).worse;
  expect(worse({ lost: 1 })).toEqual(['lost transactions: 0, then 1 (+1)']);
  expect(worse({ latencyP50Ms: 185 })).toEqual([]);
  expect(worse({ latencyP95Ms: 911 })).toEqual(['latency, 95 %: 611 ms, then 911 ms (+49 %)']);
  expect(worse({ rejected: 0, unknown: 0 })).toEqual([]);
  expect(worse({ acknowledged: 10 }).join()).toMatch(/^acknowledged: [\d.]+\/s, then [\d.]+\/s \(−\d+ %\)$/);
});

test('runs that differ in what they ran say so', async () => {
  const model = await sample('upgraded');
  const other = { ...model, run: { ...model.run, gate: 'standard', runbook: 'rollback' } };
  expect(compareReports(model, other).caveats).toEqual([
    'the runbook differs: rolling-upgrade, then rollback',
    'the gate profile differs: smoke, then standard',
  ]);
});

test('the page and the Markdown hold the same rows as the text', async () => {
  const comparison = compareReports(await sample('upgraded'), await sample('rolled-back'));
  const page = parsePage(comparisonHtml(comparison));
  expect(byTag(page, 'h1').map(textOf)[0]).toMatch(/^\d+ things became worse/);
  const rows = byTag(page, 'table').flatMap((table) => bodyRows(table));
  const inBoth = comparison.checks.filter(({ a, b }) => a && b);
  expect(inBoth).toHaveLength(10);
  expect(rows).toHaveLength(comparison.cost.length + comparison.steps.length + inBoth.length);
  expect(rows).toContainEqual(['missed rounds', '4', '6', '+2']);
  expect(comparisonMarkdown(comparison)).toMatch(/\| missed rounds \| 4 \| 6 \| \+2 \| \*\*worse\*\* \|/);
});
