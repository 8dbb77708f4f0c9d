import {
  changeText,
  tallyText,
  valueText,
  type ComparedRun,
  type ComparedValue,
  type RunComparison,
} from './compare-reports.ts';
import { formatInstant } from './format.ts';
import { html } from './html/markup.ts';
import { page } from './html/page.ts';
import { markdownTable, markdownText } from './markdown.ts';
import { printable } from './printable.ts';

interface Table {
  title: string;
  header: string[];
  rows: { cells: string[]; isWorse: boolean }[];
}

export function comparisonText(comparison: RunComparison): string {
  const lines = [
    `A  ${runText(comparison.a)}`,
    `B  ${runText(comparison.b)}`,
    ...comparison.caveats.map((caveat) => `note: ${caveat}`),
    '',
    verdictOf(comparison),
    ...comparison.worse.map((line) => `  ${line}`),
    ...tablesOf(comparison).flatMap(({ title, header, rows }) => ['', title, ...columns(header, rows)]),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

export function comparisonMarkdown(comparison: RunComparison): string {
  const lines = [
    `# ${markdownText(titleOf(comparison))}`,
    '',
    `- A: ${markdownText(runText(comparison.a))}`,
    `- B: ${markdownText(runText(comparison.b))}`,
    ...comparison.caveats.map((caveat) => `- note: ${markdownText(caveat)}`),
    '',
    `**${markdownText(verdictOf(comparison))}**`,
    '',
    ...comparison.worse.map((line) => `- ${markdownText(line)}`),
    '',
    ...tablesOf(comparison).flatMap(({ title, header, rows }) => [
      `## ${markdownText(title)}`,
      '',
      ...markdownTable(
        [...header, ''],
        rows.map(({ cells, isWorse }) => [...cells.map(markdownText), isWorse ? '**worse**' : '']),
      ),
    ]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

/** One page that needs nothing else, like the report of a run. */
export function comparisonHtml(comparison: RunComparison): string {
  return page(
    titleOf(comparison),
    html`
      <main>
        <header>
          <div class="brand">
            <span><strong>Seatrial</strong> comparison of two runs</span>
          </div>
          <h1>${verdictOf(comparison)}</h1>
          <ul class="notes">
            <li><span>A</span><span>${runText(comparison.a)}</span></li>
            <li><span>B</span><span>${runText(comparison.b)}</span></li>
            ${comparison.caveats.map((caveat) => html`<li><span>note</span><span class="unknown">${caveat}</span></li>`)}
          </ul>
        </header>
        ${tablesOf(comparison).map(
          ({ title, header, rows }, index) =>
            html`<section aria-labelledby="t${index}">
              <h2 id="t${index}">${title}</h2>
              <table class="stack">
                <thead>
                  <tr>
                    ${header.map((name) => html`<th scope="col">${name}</th>`)}
                  </tr>
                </thead>
                <tbody>
                  ${rows.map(
                    ({ cells: [name, ...others], isWorse }) =>
                      html`<tr>
                        <th scope="row">${name}</th>
                        ${others.map((cell, at) => html`<td data-label="${header[at + 1]}" class="${isWorse && at === others.length - 1 ? 'bad' : ''}">${cell}</td>`)}
                      </tr>`,
                  )}
                </tbody>
              </table>
            </section>`,
        )}
      </main>
      <footer></footer>
    `,
  );
}

function titleOf({ a, b }: RunComparison): string {
  return `${a.id} and ${b.id}`;
}

function verdictOf({ worse }: RunComparison): string {
  if (worse.length === 0) return 'Nothing became worse from A to B.';
  return worse.length === 1
    ? 'One thing became worse from A to B.'
    : `${worse.length} things became worse from A to B.`;
}

function runText({ id, testnet, runbook, outcome, exitCode, startedAt }: ComparedRun): string {
  const exit = exitCode === undefined ? '' : `, exit code ${exitCode}`;
  return `${id}: ${runbook} of ${testnet}, ${outcome}${exit}, ${formatInstant(startedAt)}`;
}

function tablesOf({ cost, steps, checks }: RunComparison): Table[] {
  const valueRow = ({ name, unit, a, b, isWorse }: ComparedValue): Table['rows'][number] => ({
    cells: [name, valueText(a, unit), valueText(b, unit), changeText(a, b, unit)],
    isWorse,
  });
  const tables: Table[] = [
    { title: 'Cost', header: ['', 'A', 'B', 'Change'], rows: cost.map(valueRow) },
    { title: 'Steps', header: ['Step', 'A', 'B', 'Change'], rows: steps.map(valueRow) },
    {
      title: 'Gates, check by check',
      header: ['Step and check', 'A', 'B', 'Verdict'],
      // What only one of the runs has cannot be compared; the JSON has it.
      rows: checks
        .filter(({ a, b }) => a && b)
        .map(({ step, check, a, b, isWorse }) => ({
          cells: [`${step} ${check}`, tallyText(a), tallyText(b), verdictChange(a?.verdict, b?.verdict)],
          isWorse,
        })),
    },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

function verdictChange(a: string | undefined, b: string | undefined): string {
  if (a === b || b === undefined) return a ?? '';
  return a === undefined ? b : `${a} → ${b}`;
}

function columns(header: readonly string[], rows: Table['rows']): string[] {
  const all = [header, ...rows.map(({ cells }) => cells)];
  const widths = header.map((_, at) => Math.max(...all.map((cells) => (cells[at] ?? '').length)));
  return all.map((cells, index) => {
    const mark = index > 0 && rows[index - 1]?.isWorse === true ? '  worse' : '';
    return `  ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}${mark}`.trimEnd();
  });
}
