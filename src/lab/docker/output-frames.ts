import { LineSplitter } from '../line-splitter.ts';

/** A piece of output as the engine frames it: one byte of stream number, three of padding, four of length, the content. */
export interface OutputFrame {
  stream: 'stdout' | 'stderr';
  content: Buffer;
}

/** Cuts the engine's multiplexed output into frames. Takes chunks as they arrive, cut anywhere. */
export class FrameDecoder {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): OutputFrame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: OutputFrame[] = [];
    let offset = 0;
    while (this.#pending.length - offset >= 8) {
      const length = this.#pending.readUInt32BE(offset + 4);
      if (this.#pending.length - offset - 8 < length) break;
      frames.push({
        stream: this.#pending[offset] === 2 ? 'stderr' : 'stdout',
        content: this.#pending.subarray(offset + 8, offset + 8 + length),
      });
      offset += 8 + length;
    }
    this.#pending = this.#pending.subarray(offset);
    return frames;
  }
}

export interface TimedLine {
  atMs?: number;
  text: string;
}

/** A line that never ends comes in parts of this size, so that it cannot fill the memory; in characters. */
const LONGEST_LINE = 1024 * 1024;

interface BegunLine {
  line: TimedLine;
  isComplete: boolean;
}

/**
 * Cuts a container's log, taken with time stamps, into lines. The engine cuts long lines into several frames, each with its own stamp;
 * they are joined again per stream, and a line has the time and the place of its first part. Takes chunks as they arrive, cut anywhere.
 */
export class LogLineDecoder {
  readonly #frames = new FrameDecoder();
  readonly #terminal: LineSplitter | undefined;
  readonly #open: Partial<Record<OutputFrame['stream'], BegunLine>> = {};
  /** In the order in which they began. */
  #begun: BegunLine[] = [];

  /** `isTty`: the container has a terminal, whose output comes without frames. */
  constructor(isTty: boolean) {
    this.#terminal = isTty ? new LineSplitter() : undefined;
  }

  /** The lines that are complete with this. */
  push(chunk: Buffer): TimedLine[] {
    if (this.#terminal) return this.#terminal.push(chunk).map(lineOf);
    for (const { stream, content } of this.#frames.push(chunk)) this.#add(stream, content.toString('utf8'));
    const complete = this.#begun.findIndex(({ isComplete }) => !isComplete);
    const lines = this.#begun.splice(0, complete < 0 ? this.#begun.length : complete);
    return lines.map(({ line }) => ({ ...line, text: withoutEnd(line.text) }));
  }

  /** What is left when no more comes. */
  end(): TimedLine[] {
    const last = this.#terminal?.end();
    const left = this.#begun.map(({ line }) => ({ ...line, text: withoutEnd(line.text) }));
    this.#begun = [];
    return last === undefined ? left : [lineOf(last)];
  }

  #add(stream: OutputFrame['stream'], content: string): void {
    const { atMs, text } = splitStamp(content);
    let begun = this.#open[stream];
    if (begun) begun.line.text += text;
    else {
      begun = { line: atMs === undefined ? { text } : { atMs, text }, isComplete: false };
      this.#begun.push(begun);
    }
    begun.isComplete = text.endsWith('\n') || begun.line.text.length > LONGEST_LINE;
    if (begun.isComplete) delete this.#open[stream];
    else this.#open[stream] = begun;
  }
}

/** The lines of a whole log; see LogLineDecoder. */
export function logLines(log: Buffer, isTty: boolean): TimedLine[] {
  const decoder = new LogLineDecoder(isTty);
  return [...decoder.push(log), ...decoder.end()];
}

function lineOf(text: string): TimedLine {
  return splitStamp(withoutEnd(text));
}

function withoutEnd(text: string): string {
  return text.replace(/\r?\n?$/, '');
}

function splitStamp(text: string): TimedLine {
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) /.exec(text);
  const atMs = Date.parse(match?.[1] ?? '');
  return match && !Number.isNaN(atMs) ? { atMs, text: text.slice(match[0].length) } : { text };
}
