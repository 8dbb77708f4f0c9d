import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameDecoder, LogLineDecoder, logLines } from '../../../../src/lab/docker/output-frames.ts';

const frame = (stream: 1 | 2, text: string): Buffer => {
  const content = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
};

describe('frames of output', () => {
  test('are the same wherever the chunks are cut', () => {
    const whole = Buffer.concat([frame(1, 'one\n'), frame(2, ''), frame(2, 'zwei €\n'), frame(1, 'three')]);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(whole.length), { maxLength: 8 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const decoder = new FrameDecoder();
        const frames = edges.slice(1).flatMap((end, index) => decoder.push(whole.subarray(edges[index], end)));
        expect(frames.map(({ stream, content }) => [stream, content.toString()])).toEqual([
          ['stdout', 'one\n'],
          ['stderr', ''],
          ['stderr', 'zwei €\n'],
          ['stdout', 'three'],
        ]);
      }),
    );
  });
});

describe('lines of a log', () => {
  const stamp = '2026-01-02T03:04:05.678901234Z';
  const atMs = Date.parse('2026-01-02T03:04:05.678Z');

  test('keep the order of writing over both streams and carry their time', () => {
    const log = Buffer.concat([frame(1, `${stamp} out\n`), frame(2, `${stamp} err\r\n`)]);
    expect(logLines(log, false)).toEqual([
      { atMs, text: 'out' },
      { atMs, text: 'err' },
    ]);
  });

  test('that the engine cut are joined again, without the stamps of the later parts', () => {
    const log = Buffer.concat([
      frame(1, `${stamp} long `),
      frame(2, `${stamp} between\n`),
      frame(1, `${stamp} line\n`),
    ]);
    expect(logLines(log, false).map((line) => line.text)).toEqual(['long line', 'between']);
  });

  test('of a container with a terminal come without frames', () => {
    expect(logLines(Buffer.from(`${stamp} a\r\n${stamp} b\r\n`), true)).toEqual([
      { atMs, text: 'a' },
      { atMs, text: 'b' },
    ]);
  });
});

describe('a log that is read as it comes', () => {
  const stamp = '2026-01-02T03:04:05.678901234Z';
  const whole = Buffer.concat([
    frame(1, `${stamp} long `),
    frame(2, `${stamp} between\n`),
    frame(1, `${stamp} line\n`),
    frame(1, `${stamp} last, without its end`),
  ]);

  test('gives the same lines wherever the chunks are cut', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(whole.length), { maxLength: 8 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const decoder = new LogLineDecoder(false);
        const lines = edges.slice(1).flatMap((end, index) => decoder.push(whole.subarray(edges[index], end)));
        const texts = [...lines, ...decoder.end()].map(({ text }) => text);
        expect(texts).toEqual(['long line', 'between', 'last, without its end']);
      }),
    );
  });

  test('a line that never ends does not keep all others back', () => {
    const decoder = new LogLineDecoder(false);
    const part = Buffer.alloc(1024 * 1024 + 1, 'x').toString();
    expect(decoder.push(frame(1, `${stamp} ${part}`)).map(({ text }) => text.length)).toEqual([part.length]);
  });
});
