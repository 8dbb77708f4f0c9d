import { join, resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { readJournal } from '../../journal/read-journal.ts';
import { loadReport } from '../../report/load-report.ts';
import { renderHtml } from '../../report/render-html.ts';
import { renderJson } from '../../report/render-json.ts';
import { findRun, type FoundRun } from '../find-run.ts';
import { print } from '../output.ts';

/** Writes report.html and report.json into the run's folder; returns the path of the page. */
export async function writeReport(runDir: string): Promise<string> {
  const model = await loadReport(runDir);
  await writeFileAtomic(join(runDir, 'report.json'), renderJson(model));
  const page = join(runDir, 'report.html');
  await writeFileAtomic(page, renderHtml(model));
  return page;
}

type ReportFormat = 'html' | 'json' | 'text' | 'junit' | 'markdown' | 'jsonl';

export interface ReportOptions {
  /** Default: html; text where two runs are compared. */
  format?: ReportFormat;
  /** The same as `format: 'json'`. */
  json?: boolean;
  output?: string;
  /** Two runs, or one beside the one that is named first. */
  compare?: string[];
}

/** `seatrial report <run>`: the page's path, or the report itself in another format; with `--compare` what two runs differ in. */
export async function report(reference: string | undefined, options: ReportOptions): Promise<void> {
  if (options.json && options.format !== undefined && options.format !== 'json')
    throw new UsageError(`--json and --format ${options.format} contradict each other`);
  const format = options.json ? 'json' : options.format;
  if (options.compare) {
    await compare([...(reference === undefined ? [] : [reference]), ...options.compare], { ...options, format });
    return;
  }
  if (reference === undefined) throw new UsageError('name a run, or a testnet for its newest one');
  const run = await findRun(reference);
  if ((format ?? 'html') === 'html' && options.output === undefined) print(await writeReport(run.runDir));
  else await deliver(await render(run, format ?? 'html'), options.output);
}

async function render({ runDir, runId }: FoundRun, format: ReportFormat): Promise<string> {
  if (format === 'jsonl') {
    const { renderJsonl } = await import('../../report/render-jsonl.ts');
    return renderJsonl(runId, (await readJournal(runDir)).records);
  }
  const model = await loadReport(runDir);
  switch (format) {
    case 'html':
      return renderHtml(model);
    case 'json':
      return renderJson(model);
    case 'text':
      return (await import('../../report/render-summary.ts')).renderSummary(model);
    case 'junit':
      return (await import('../../report/render-junit.ts')).renderJunit(model);
    case 'markdown':
      return (await import('../../report/render-markdown.ts')).renderMarkdown(model);
  }
}

/** Informs and never judges: its exit code is 0 whatever became worse. */
async function compare(
  references: readonly string[],
  { format = 'text', output }: { format?: ReportFormat | undefined; output?: string },
): Promise<void> {
  const [first, second] = references;
  if (first === undefined || second === undefined || references.length > 2)
    throw new UsageError(`--compare takes two runs, not ${references.length}`);
  const [a, b] = [await findRun(first), await findRun(second)];
  const { compareReports } = await import('../../report/compare-reports.ts');
  const comparison = compareReports(await loadReport(a.runDir), await loadReport(b.runDir));
  const { comparisonHtml, comparisonMarkdown, comparisonText } = await import('../../report/render-comparison.ts');
  switch (format) {
    case 'text':
      return deliver(comparisonText(comparison), output);
    case 'json':
      return deliver(`${JSON.stringify(comparison, null, 2)}\n`, output);
    case 'markdown':
      return deliver(comparisonMarkdown(comparison), output);
    case 'html':
      return deliver(comparisonHtml(comparison), output);
    case 'junit':
    case 'jsonl':
      throw new UsageError(`a comparison is html, json, text or markdown, not ${format}`);
  }
}

async function deliver(text: string, output: string | undefined): Promise<void> {
  if (output === undefined) {
    print(text.trimEnd());
    return;
  }
  const file = resolve(output);
  await writeFileAtomic(file, text);
  print(file);
}
