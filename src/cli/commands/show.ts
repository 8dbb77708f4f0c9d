import { readJournal } from '../../journal/read-journal.ts';
import { findRun } from '../find-run.ts';
import { print, printJson } from '../output.ts';
import { describe } from '../progress.ts';

/** `seatrial show <run>`: the run's journal, a line an event. */
export async function show(reference: string, options: { json?: boolean }): Promise<void> {
  const { runDir } = await findRun(reference);
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
