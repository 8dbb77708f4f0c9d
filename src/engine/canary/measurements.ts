import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../core/files.ts';

/** What a long step has measured so far, a JSON line each, so that a run which goes on does not begin anew. */
export class Measurements<T> {
  readonly file: string;

  constructor(runDir: string, step: string) {
    // Names of steps are a runbook's choice: none leads to another file of the run, and no two to the same one.
    this.file = join(runDir, `measured-${encodeURIComponent(step)}.jsonl`);
  }

  /** All that was written; a last line that was torn is left out. */
  async read(): Promise<T[]> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => parsed<T>(line));
  }

  async add(value: T): Promise<void> {
    await appendFile(this.file, `${JSON.stringify(value)}\n`);
  }
}

/** A line that a crash has joined with the next one is neither. */
function parsed<T>(line: string): T[] {
  try {
    return [JSON.parse(line) as T];
  } catch {
    return [];
  }
}
