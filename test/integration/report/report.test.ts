import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ReportModel } from '../../../src/report/model.ts';
import { loadReport } from '../../../src/report/load-report.ts';
import { renderHtml } from '../../../src/report/render-html.ts';
import { renderJson } from '../../../src/report/render-json.ts';
import { renderSummary } from '../../../src/report/render-summary.ts';
import {
  bodyRows,
  byClass,
  byTag,
  findAll,
  parsePage,
  plainText,
  sectionOf,
  textOf,
  type PageElement,
} from '../../helpers/parse-page.ts';
import { writeSampleRun, type SampleOptions } from '../../helpers/sample-run.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

async function sample(options: SampleOptions): Promise<{ model: ReportModel; page: PageElement; runDir: string }> {
  const { runDir } = await writeSampleRun(join(await temporaryFolder(), 'local'), options);
  const model = await loadReport(runDir);
  return { model, page: parsePage(renderHtml(model)), runDir };
}

const only = <T>(list: readonly T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};
const textOfTitle = (element: PageElement): string => {
  const title = element.children.find((child) => typeof child !== 'string' && child.tag === 'title');
  return typeof title === 'object' ? plainText(title) : '';
};

describe('the report of a successful upgrade', () => {
  test('is the same as JSON every time', async () => {
    const { model } = await sample({ kind: 'upgraded' });
    expect(JSON.parse(renderJson(model))).toEqual(model);
    await expect(renderJson(model)).toMatchFileSnapshot('./golden/upgraded.json.golden');
    await expect(renderSummary(model)).toMatchFileSnapshot('./golden/upgraded.txt');
  });

  test('says in its heading what was attempted and what became of it', async () => {
    const { page } = await sample({ kind: 'upgraded' });
    expect(textOf(only(byTag(page, 'h1')))).toBe(
      'rolling-upgrade of local (version=1.1.0) passed: 4 of 4 nodes changed and now run 1.1.0. Exit code 0.',
    );
    expect(byClass(only(byClass(page, 'badges')), 'pill').map(textOf)).toEqual(['passed', 'weak gate profile: smoke']);
  });

  test('has a lane for each node with its releases, its gates and its change', async () => {
    const { page, model } = await sample({ kind: 'upgraded' });
    const chart = only(byClass(page, 'chart-wide'));
    const lanes = findAll(chart, (each) => each.tag === 'g' && textOfTitle(each).startsWith('validator-'));
    expect(lanes.map(textOfTitle)).toEqual(['validator-0', 'validator-1', 'validator-2', 'validator-3']);
    for (const [index, lane] of lanes.entries()) {
      expect(byClass(lane, 'on-band').map(textOf)).toEqual(['1.0.0', '1.1.0']);
      expect(byClass(lane, 'changing')).toHaveLength(1);
      expect(byClass(lane, 'height')).toHaveLength(1);
      expect(byClass(lane, 'traffic')).toHaveLength(1);
      expect(byClass(lane, 'g-good').map(textOfTitle)).toEqual([
        expect.stringMatching(/^gate preflight#1: pass/),
        expect.stringMatching(new RegExp(`^gate upgrade/validator-${index}#1: pass .*identity .*settle .*observe`)),
      ]);
      expect(byClass(lane, 'down').length).toBeGreaterThan(0);
    }
    const bandsOf = (lane: PageElement | undefined) => (lane ? byClass(lane, 'v1') : []);
    const starts = lanes.map((lane) => Number(bandsOf(lane)[0]?.attributes['x']));
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    const ends = bandsOf(lanes[0]).map(({ attributes }) => Number(attributes['x']) + Number(attributes['width']));
    expect(ends[0]).toBeCloseTo(1080, 0);
    expect(
      model.timeline.lanes.every(({ acknowledgedPerSecond }) => acknowledgedPerSecond.some((rate) => rate > 5)),
    ).toBe(true);
  });

  test('lists steps, verdicts and nodes in tables with headers', async () => {
    const { page } = await sample({ kind: 'upgraded' });
    const rows = bodyRows(sectionOf(page, 'plan'));
    expect(rows.map(([step, status, change, gate, margin]) => [step, status, change, gate, margin])).toEqual([
      ['preflight all 4 nodes', 'done', '', 'pass', '1'],
      ['load all 4 nodes', 'done', '', '', ''],
      ...[0, 1, 2, 3].map((index) => [`upgrade/validator-${index} replace`, 'done', '1.0.0→1.1.0', 'pass', '0']),
      ['verify all 4 nodes', 'done', '', '', '1'],
    ]);
    expect(byTag(sectionOf(page, 'gates'), 'details').map(({ attributes }) => 'open' in attributes)).toEqual(
      Array.from({ length: 5 }, () => false),
    );
    const nodes = bodyRows(sectionOf(page, 'nodes'));
    expect(nodes.map(([node, before, after]) => [node, before, after])).toEqual(
      [0, 1, 2, 3].map((index) => [`validator-${index}`, '1.0.0', '1.1.0']),
    );
    for (const table of byTag(page, 'table')) {
      const headers = byTag(only(byTag(table, 'thead')), 'th');
      expect(headers.map(({ attributes }) => attributes['scope'])).toEqual(headers.map(() => 'col'));
      for (const row of bodyRows(table)) expect(row).toHaveLength(headers.length);
    }
  });

  test('links each verdict to evidence that is there', async () => {
    const { page, runDir } = await sample({ kind: 'upgraded' });
    const links = byTag(page, 'a').map(({ attributes }) => attributes['href'] ?? '');
    expect(links).toHaveLength(6);
    for (const link of links) expect(JSON.parse(await readFile(join(runDir, link), 'utf8'))).toBeTypeOf('object');
  });

  test('is one page that asks for nothing, runs nothing and names its pictures', async () => {
    const { page } = await sample({ kind: 'upgraded' });
    expect(findAll(page, ({ tag }) => ['script', 'link', 'img', 'iframe', 'object', 'base'].includes(tag))).toEqual([]);
    expect(plainText(only(byTag(page, 'style')))).not.toMatch(/@import|url\((?!#)/);
    const remote = findAll(page, ({ attributes }) =>
      Object.values(attributes).some((value) => /^(https?:)?\/\//.test(value)),
    );
    expect(remote).toEqual([]);
    const ids = findAll(page, ({ attributes }) => 'id' in attributes).map(({ attributes }) => attributes['id']);
    expect(new Set(ids).size).toBe(ids.length);
    const named = findAll(page, ({ attributes }) => attributes['role'] === 'img');
    expect(named.length).toBeGreaterThan(2);
    for (const { attributes } of named) {
      const names = attributes['aria-labelledby']?.split(' ') ?? [];
      expect(names.length > 0 ? names.every((id) => ids.includes(id)) : attributes['aria-label'] !== '').toBe(true);
    }
    expect(textOf(only(byTag(page, 'footer')))).toMatch(/its head is [0-9a-f]{64}/);
  });
});

describe('the report of an upgrade that was rolled back', () => {
  test('is the same as JSON every time', async () => {
    const { model } = await sample({ kind: 'rolled-back' });
    await expect(renderJson(model)).toMatchFileSnapshot('./golden/rolled-back.json.golden');
    await expect(renderSummary(model)).toMatchFileSnapshot('./golden/rolled-back.txt');
  });

  test('shades the rollback, shows three releases of the node and none of the others changing', async () => {
    const { page } = await sample({ kind: 'rolled-back' });
    const chart = only(byClass(page, 'chart-wide'));
    const shade = only(byClass(chart, 'rollback'));
    expect(Number(shade.attributes['x']) + Number(shade.attributes['width'])).toBeCloseTo(1080, 0);
    const lanes = findAll(chart, (each) => each.tag === 'g' && textOfTitle(each).startsWith('validator-'));
    expect(lanes.map((lane) => byClass(lane, 'on-band').map(textOf))).toEqual([
      ['1.1.0', '1.2.0-bad', '1.1.0'],
      ['1.1.0'],
      ['1.1.0'],
      ['1.1.0'],
    ]);
    expect(lanes.map((lane) => byClass(lane, 'g-bad').length)).toEqual([1, 0, 0, 0]);
    expect(byClass(lanes[0] as PageElement, 'error').length).toBeGreaterThan(2);
  });

  test('opens the gate that failed, its troubled checks first', async () => {
    const { page } = await sample({ kind: 'rolled-back' });
    const open = only(byTag(sectionOf(page, 'gates'), 'details').filter(({ attributes }) => 'open' in attributes));
    expect(textOf(only(byTag(open, 'summary')))).toMatch(
      /^fail upgrade\/validator-0 height-advances of validator-0 was BAD/,
    );
    const rows = bodyRows(open);
    expect(rows.map(([check]) => check)).toEqual([
      'height-advances critical',
      'error-rate',
      'same-hash critical',
      'liveness critical',
      'peers advisory',
    ]);
    expect(rows[0]).toEqual([
      'height-advances critical',
      '',
      '0',
      '3',
      '0',
      'height 131 for 1.5 s, expected at least 133',
    ]);
    const strips = byClass(open, 'strip').map(({ attributes }) => attributes['aria-label']);
    expect(strips[0]).toBe('3 slots: 0 held, 3 bad, 0 unknown');
  });
});

describe('the report of a run that was killed', () => {
  test('says so, with the last known release of each node', async () => {
    const { page, model } = await sample({ kind: 'killed' });
    expect(model.run).toMatchObject({ outcome: 'unfinished', observations: { state: 'unvouched' } });
    expect(textOf(only(byTag(page, 'h1')))).toBe(
      'rolling-upgrade of local (version=1.1.0) did not finish (it was killed, or is still under way): 1 node had been changed, validator-1 was being changed.',
    );
    expect(bodyRows(sectionOf(page, 'nodes')).map(([node, , last]) => [node, last])).toEqual([
      ['validator-0', '1.1.0'],
      ['validator-1', '1.0.0 it may run 1.1.0, or nothing'],
      ['validator-2', '1.0.0'],
      ['validator-3', '1.0.0'],
    ]);
    expect(renderSummary(model)).toContain('last known: validator-1 on 1.0.0, but it may run 1.1.0, or nothing');
  });

  test('leaves a torn last line out and says that it did', async () => {
    const { runDir, model } = await sample({ kind: 'killed' });
    await appendFile(join(runDir, 'journal.jsonl'), '{"seq":99');
    const torn = await loadReport(runDir);
    expect(torn.run.journal).toEqual({ ...model.run.journal, tornTail: true });
  });
});

test('what a system under test says ends up as text, wherever it is shown', async () => {
  const hostile = `</title></style><script>alert("1")</script><img src=x onerror='x'>" onload="x`;
  const { page } = await sample({ kind: 'rolled-back', hostile });
  expect(findAll(page, ({ tag }) => tag === 'script' || tag === 'img')).toEqual([]);
  const handlers = findAll(page, ({ attributes }) => Object.keys(attributes).some((name) => name.startsWith('on')));
  expect(handlers).toEqual([]);
  for (const id of ['plan', 'gates', 'notes']) expect(textOf(sectionOf(page, id))).toContain(hostile);
  expect(textOf(only(byTag(page, 'h1')))).toContain(hostile);
});

test('fifty nodes have fifty lanes, in a page of less than two megabytes', async () => {
  const { page, model } = await sample({ kind: 'upgraded', nodes: 50 });
  for (const size of ['wide', 'narrow']) {
    const chart = only(byClass(page, `chart-${size}`));
    expect(findAll(chart, (each) => each.tag === 'g' && textOfTitle(each).startsWith('validator-'))).toHaveLength(50);
  }
  expect(bodyRows(sectionOf(page, 'nodes'))).toHaveLength(50);
  expect(textOf(sectionOf(page, 'gates'))).toContain('210 more checks');
  expect(Buffer.byteLength(renderHtml(model))).toBeLessThan(2_000_000);
});

test('damaged evidence and changed observations are found when the report is made', async () => {
  const { runDir, model } = await sample({ kind: 'upgraded' });
  expect(model.gates.map(({ evidence }) => evidence?.state)).toEqual(Array.from({ length: 5 }, () => 'verified'));
  expect(model.run.observations.state).toBe('verified');
  await writeFile(join(runDir, model.gates[1]?.evidence?.file ?? ''), '{}');
  await rm(join(runDir, model.gates[2]?.evidence?.file ?? ''));
  await appendFile(join(runDir, 'observations.jsonl'), '\n');
  const after = await loadReport(runDir);
  expect(after.gates.slice(0, 3).map(({ evidence }) => evidence?.state)).toEqual(['verified', 'damaged', 'missing']);
  expect(after.run.observations.state).toBe('changed');
});

test('a broken journal gives no report', async () => {
  const { runDir } = await sample({ kind: 'rolled-back' });
  const file = join(runDir, 'journal.jsonl');
  await writeFile(file, (await readFile(file, 'utf8')).replace('"exitCode":1', '"exitCode":0'));
  await expect(loadReport(runDir)).rejects.toThrow(/journal\.jsonl:\d+: the journal is broken: it was changed/);
});
