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

/**
 * The lines of a container's log, taken with time stamps. The engine cuts long lines into several frames, each with its own
 * stamp; they are joined again per stream, and a line has the time of its first part.
 */
export function logLines(log: Buffer, isTty: boolean): TimedLine[] {
  const frames: OutputFrame[] = isTty
    ? log
        .toString('utf8')
        .split(/(?<=\n)/)
        .map((line) => ({ stream: 'stdout', content: Buffer.from(line) }))
    : new FrameDecoder().push(log);
  const lines: TimedLine[] = [];
  const open: Record<OutputFrame['stream'], TimedLine | undefined> = { stdout: undefined, stderr: undefined };
  for (const { stream, content } of frames) {
    const { atMs, text } = splitStamp(content.toString('utf8'));
    const line = open[stream];
    if (line === undefined) {
      const begun: TimedLine = atMs === undefined ? { text } : { atMs, text };
      lines.push(begun);
      open[stream] = begun;
    } else {
      line.text += text;
    }
    if (text.endsWith('\n')) open[stream] = undefined;
  }
  return lines.map((line) => ({ ...line, text: line.text.replace(/\r?\n$/, '') }));
}

function splitStamp(text: string): TimedLine {
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) /.exec(text);
  const atMs = Date.parse(match?.[1] ?? '');
  return match && !Number.isNaN(atMs) ? { atMs, text: text.slice(match[0].length) } : { text };
}
