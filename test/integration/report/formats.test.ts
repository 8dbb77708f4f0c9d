import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { loadReport } from '../../../src/report/load-report.ts';
import type { ReportModel } from '../../../src/report/model.ts';
import { renderJsonl } from '../../../src/report/render-jsonl.ts';
import { renderJunit } from '../../../src/report/render-junit.ts';
import { renderMarkdown } from '../../../src/report/render-markdown.ts';
import { writeDurableRun } from '../../helpers/durable-run.ts';
import { parseXml, type XmlElement } from '../../helpers/parse-xml.ts';
import { writeSampleRun, type SampleOptions } from '../../helpers/sample-run.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

async function sample(options: SampleOptions): Promise<{ model: ReportModel; runDir: string; runId: string }> {
  const run = await writeSampleRun(join(await temporaryFolder(), 'local'), options);
  return { ...run, model: await loadReport(run.runDir) };
}

async function durable(hostile = ''): Promise<ReportModel> {
  const { runDir } = await writeDurableRun(join(await temporaryFolder(), 'local'), { hostile });
  return loadReport(runDir);
}

const casesOf = (xml: string): XmlElement[] =>
  parseXml(xml).children.flatMap(({ children }) => children.filter(({ name }) => name === 'testcase'));
const outcomes = (cases: XmlElement[]): [string | undefined, string][] =>
  cases.map(({ attributes, children }) => [
    attributes.name,
    children.find(({ name }) => name !== 'system-out')?.name ?? 'passed',
  ]);

describe('JUnit', () => {
  test('a rolled back run fails at its gate and step with the verdict, and skips the steps that were not reached', async () => {
    const { model } = await sample({ kind: 'rolled-back' });
    const xml = renderJunit(model);
    const cases = casesOf(xml);
    expect(outcomes(cases)).toEqual([
      ['preflight', 'passed'],
      ['load', 'passed'],
      ['upgrade/validator-0', 'failure'],
      ['rollback/validator-0', 'passed'],
      ['upgrade/validator-1', 'skipped'],
      ['upgrade/validator-2', 'skipped'],
      ['upgrade/validator-3', 'skipped'],
      ['verify', 'skipped'],
      ['1 preflight#1', 'passed'],
      ['2 upgrade/validator-0#1', 'failure'],
      ['3 rollback/validator-0#1', 'passed'],
      ['outcome', 'failure'],
    ]);
    const gate = cases.find(({ attributes }) => attributes.name === '2 upgrade/validator-0#1');
    expect(gate?.children[0]?.attributes.message).toContain('height-advances of validator-0 was BAD for 3 slots');
    const [suite] = parseXml(xml).children;
    expect(suite?.attributes).toMatchObject({ tests: '12', failures: '3', errors: '0', skipped: '4' });
  });

  test('a run that passed has no failure', async () => {
    const { model } = await sample({ kind: 'upgraded' });
    const found = outcomes(casesOf(renderJunit(model)));
    expect(found).toHaveLength(13);
    expect(found.every(([, outcome]) => outcome === 'passed')).toBe(true);
  });

  test('a run that all gates passed and that lost transactions is red by its outcome', async () => {
    const { model } = await sample({ kind: 'upgraded' });
    const headline = { tone: 'bad', label: 'failed', sentence: '3 acknowledged transactions were lost' } as const;
    expect(
      outcomes(casesOf(renderJunit({ ...model, headline }))).filter(([, outcome]) => outcome !== 'passed'),
    ).toEqual([['outcome', 'failure']]);
  });

  test('what could not be judged is an error, not a failure', async () => {
    const found = outcomes(casesOf(renderJunit(await durable())));
    expect(found.filter(([, outcome]) => outcome === 'error').map(([name]) => name)).toEqual([
      'switchback',
      'switchback switchback',
      'outcome',
    ]);
    expect(found.filter(([, outcome]) => outcome === 'failure')).toEqual([]);
  });

  test('is valid XML that says the same for any text in the run', async () => {
    const { model } = await sample({ kind: 'rolled-back' });
    const odd = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(']]>', '<![CDATA[', '&#0;', '\ud800', '"\'', '\u0000\u001b[31m', '--><!--', '\ufffe', '\r\n'),
    );
    fc.assert(
      fc.property(fc.array(odd, { minLength: 1, maxLength: 4 }), (parts) => {
        const text = parts.join('x');
        const changed: ReportModel = {
          ...model,
          headline: { ...model.headline, sentence: text },
          run: { ...model.run, parameters: { [text]: text } },
          steps: model.steps.map((step) => ({ ...step, id: text, reason: text })),
          gates: model.gates.map((gate) => ({
            ...gate,
            reason: text,
            checks: gate.checks.map((check) => ({ ...check, lastDetail: text })),
          })),
        };
        const cases = casesOf(renderJunit(changed));
        expect(cases).toHaveLength(model.steps.length + model.gates.length + 1);
        const message = cases.at(-1)?.children[0]?.attributes.message ?? '';
        // What XML allows comes through; only the writer's own white space may differ.
        const readable = text.replace(/[^\u0020-\u007e]/gu, '');
        expect(message.replace(/[^\u0020-\u007e]/gu, '')).toBe(readable);
      }),
      { numRuns: 150 },
    );
  });
});

describe('Markdown', () => {
  test('leads with the verdict, shows nodes with digests, gates with reasons, cost, and how to verify', async () => {
    const { model, runId } = await sample({ kind: 'rolled-back' });
    const text = renderMarkdown(model);
    expect(text).toMatch(/^# rolling-upgrade of local: rolled back\n\n\*\*rolling-upgrade of local/);
    expect(text).toMatch(/\| validator-0 \| 1\.1\.0 `[0-9a-f]{12}` \| 1\.1\.0 `[0-9a-f]{12}` \| running \|/);
    expect(text).toMatch(/\| upgrade\/validator-0\\#1 \| \*\*fail\*\* \| height-advances of validator-0 was BAD/);
    expect(text).toContain('- longest time without a new height: 2.3 s');
    expect(text).toContain(`seatrial verify ${runId}`);
    expect(text).toContain(model.run.journal.headHash);
  });

  test('has the findings of a canary and who approved what', async () => {
    const text = renderMarkdown(await durable());
    expect(text).toMatch(/\| switchback \| validator-0 \| \*\*inconclusive\*\* \| 14 of 20 episodes/);
    expect(text).toMatch(
      /\| approve \| Go on with the other three nodes\? \| approved \| operator \| `[0-9a-f]{12}` \|/,
    );
    expect(text).toContain('resumed by process 4711 on workbench');
  });

  test('a text of the run can neither break out of its cell nor become markup', async () => {
    const text = renderMarkdown(await durable('|\n# x <img src=x> [y](http://z) `code` **b**'));
    const lines = text.split('\n');
    const table = lines.slice(lines.indexOf('## Canary'));
    const cells = (line: string): number => line.replaceAll('\\|', '').split('|').length;
    const rows = table.slice(2, 6);
    expect(rows[2]).toContain('<img'.replace('<', '&lt;'));
    expect(rows.map(cells)).toEqual([7, 7, 7, 7]);
    expect(text).not.toMatch(/<img|[^\\]\[y\]|[^\\]`code|https?:\/\//);
    expect(lines.filter((line) => line.startsWith('# '))).toHaveLength(1);
  });
});

describe('JSON lines', () => {
  test('each event is a line with stable names, without what only the chain needs', async () => {
    const { runDir, runId } = await sample({ kind: 'upgraded' });
    const { records } = await readJournal(runDir);
    const lines = renderJsonl(runId, records).trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toHaveLength(records.length);
    expect(events.map(({ type }) => type)).toEqual(records.map(({ type }) => type));
    for (const [seq, event] of events.entries()) {
      expect(Object.keys(event).slice(0, 4)).toEqual(['run', 'seq', 'at', 'type']);
      expect(event).toMatchObject({ run: runId, seq });
      expect(event).not.toHaveProperty('prev');
      expect(event).not.toHaveProperty('monoMs');
    }
    expect(events.find(({ type }) => type === 'intent')).toMatchObject({
      node: 'validator-0',
      fromVersion: '1.0.0',
      toVersion: '1.1.0',
    });
  });
});
