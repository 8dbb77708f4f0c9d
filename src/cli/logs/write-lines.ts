import type { LogLine } from '../../lab/lab.ts';
import { printable } from '../../report/printable.ts';

export type LogForm = 'text' | 'json' | 'json-lines';

interface WriteOptions {
  form: LogForm;
  /** Names that can stand before a line; with only one of them none does, nor a time, so that the lines can be read by programs. */
  names: readonly string[];
  /** A terminal must not obey what a node writes. */
  isTerminal: boolean;
  write: (text: string) => void;
  /** What could not be read, by name; known at the end. */
  problems: ReadonlyMap<string, string>;
}

/** Writes lines as they come, none of them kept. */
export async function writeLines(lines: AsyncIterable<LogLine>, options: WriteOptions): Promise<void> {
  const { form, names, isTerminal, write, problems } = options;
  const width = Math.max(0, ...names.map((name) => name.length));
  const isPlain = names.length === 1;
  let count = 0;
  if (form === 'json') write('{\n  "lines": [');
  for await (const line of lines) {
    count++;
    if (form === 'json') write(`${count === 1 ? '' : ','}\n    ${JSON.stringify(line)}`);
    else if (form === 'json-lines') write(`${JSON.stringify(line)}\n`);
    else {
      const text = isTerminal ? printable(line.text) : line.text;
      const time = line.atMs === undefined ? ' '.repeat(24) : new Date(line.atMs).toISOString();
      write(isPlain ? `${text}\n` : `${time} ${line.node.padEnd(width)} | ${text}\n`);
    }
  }
  if (form !== 'json') return;
  const told = [...problems].map(([node, problem]) => ({ node, problem }));
  write(`${count === 0 ? '' : '\n  '}],\n  "problems": ${JSON.stringify(told)}\n}\n`);
}
