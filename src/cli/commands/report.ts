import { join, resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../core/files.ts';
import { didYouMean } from '../../core/nearest.ts';
import { stateFolder } from '../../engine/state.ts';
import { testnetNames } from '../../engine/testnet-files.ts';
import { listRuns } from '../../journal/list-runs.ts';
import { readJournal } from '../../journal/read-journal.ts';
import { runFolder } from '../../journal/run-files.ts';
import { loadReport } from '../../report/load-report.ts';
import { renderHtml } from '../../report/render-html.ts';
import { renderJson } from '../../report/render-json.ts';
import { renderSummary } from '../../report/render-summary.ts';
import { print, printJson } from '../output.ts';
import { describe } from '../progress.ts';
import { findRoot } from '../root.ts';

/** Writes report.html and report.json into the run's folder; returns the path of the page. */
export async function writeReport(runDir: string): Promise<string> {
  const model = await loadReport(runDir);
  await writeFileAtomic(join(runDir, 'report.json'), renderJson(model));
  const page = join(runDir, 'report.html');
  await writeFileAtomic(page, renderHtml(model));
  return page;
}

export interface ReportOptions {
  format: 'html' | 'json' | 'text';
  output?: string;
}

/** `seatrial report <run>`: the page's path, or the report itself as JSON or text. */
export async function report(reference: string, options: ReportOptions): Promise<void> {
  const runDir = await findRun(reference);
  if (options.format === 'html') {
    if (options.output === undefined) {
      print(await writeReport(runDir));
      return;
    }
    const page = resolve(options.output);
    await writeFileAtomic(page, renderHtml(await loadReport(runDir)));
    print(page);
    return;
  }
  const model = await loadReport(runDir);
  const text = options.format === 'json' ? renderJson(model) : renderSummary(model);
  if (options.output === undefined) print(text.trimEnd());
  else await writeFileAtomic(resolve(options.output), text);
}

/** `seatrial show <run>`: the run's journal, a line an event. */
export async function show(reference: string, options: { json?: boolean }): Promise<void> {
  const runDir = await findRun(reference);
  const { records, tornTail } = await readJournal(runDir);
  if (options.json) {
    printJson({ records, tornTail });
    return;
  }
  for (const record of records) {
    const text = describe(record);
    if (text !== undefined) print(`${record.at} ${text}`);
  }
  if (tornTail) print('the last record was cut off while it was being written');
}

/** A run by its id, or the newest run of a testnet by the testnet's name. */
async function findRun(reference: string): Promise<string> {
  const root = findRoot();
  const names = await testnetNames(root);
  if (names.includes(reference)) {
    const [newest] = await listRuns(stateFolder(root, reference));
    if (!newest) throw new UsageError(`${reference} has no runs yet`);
    return runFolder(stateFolder(root, reference), newest.id);
  }
  const ids: string[] = [];
  for (const name of names) {
    for (const run of await listRuns(stateFolder(root, name))) {
      if (run.id === reference) return runFolder(stateFolder(root, name), run.id);
      ids.push(run.id);
    }
  }
  throw new UsageError(`there is no run ${reference}${didYouMean(reference, ids.slice(0, 20))}`);
}
