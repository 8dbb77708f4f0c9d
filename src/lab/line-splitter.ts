import { StringDecoder } from 'node:string_decoder';

/** A line longer than this comes in parts, so that a node that never ends its line cannot fill the memory; in characters. */
const longestLine = 1024 * 1024;

/** Cuts bytes, which may arrive cut anywhere, into lines of text. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #begun = '';

  /** The lines that are complete with this. */
  push(chunk: Buffer): string[] {
    const lines = (this.#begun + this.#decoder.write(chunk)).split('\n');
    this.#begun = lines.pop() ?? '';
    if (this.#begun.length > longestLine) {
      lines.push(this.#begun);
      this.#begun = '';
    }
    return lines;
  }

  /** The last line, where its end is missing. */
  end(): string | undefined {
    const last = this.#begun + this.#decoder.end();
    this.#begun = '';
    return last === '' ? undefined : last;
  }
}
