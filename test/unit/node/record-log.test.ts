import { describe, expect, test } from 'vitest';
import { CorruptLogError, frame, recover } from '../../../node/record-log.ts';
import { MemoryFile } from './memory-file.ts';

const payloads = ['{"first":1}', '{"second":"ü"}', '{"third":[1,2,3]}'];
const frames = payloads.map((payload) => frame(Buffer.from(payload)));
const whole = Buffer.concat(frames);
const lastOffset = whole.length - (frames[2]?.length ?? 0);

function texts(file: MemoryFile): string[] {
  return [...recover(file)].map(({ payload }) => payload.toString());
}

const positions = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

test('A whole log gives back every record with its offset', () => {
  const file = new MemoryFile('log', whole);
  expect([...recover(file)].map(({ offset }) => offset)).toEqual([0, frames[0]?.length, lastOffset]);
  expect(texts(file)).toEqual(payloads);
});

test('A log cut at any byte of its last record loses that record only, and can be appended to again', () => {
  for (const size of positions(lastOffset, whole.length)) {
    const file = new MemoryFile('log', whole.subarray(0, size));
    expect(texts(file), `cut at ${size}`).toEqual(payloads.slice(0, 2));
    expect(file.size()).toBe(lastOffset);
    file.append(frame(Buffer.from('{"next":1}')));
    expect(texts(file)).toEqual([...payloads.slice(0, 2), '{"next":1}']);
  }
});

test('A log with any byte of its last record damaged loses that record only', () => {
  for (const position of positions(lastOffset, whole.length)) {
    const damaged = Buffer.from(whole);
    damaged[position] = (damaged[position] ?? 0) ^ 0xff;
    expect(texts(new MemoryFile('log', damaged)), `damaged at ${position}`).toEqual(payloads.slice(0, 2));
  }
});

test('Zeroes behind the last whole record are a torn write', () => {
  const file = new MemoryFile('log', Buffer.concat([whole, Buffer.alloc(5000)]));
  expect(texts(file)).toEqual(payloads);
  expect(file.size()).toBe(whole.length);
});

describe('damage before the last record', () => {
  test('is an error that names the file and the offset of the damaged record, whichever byte it is', () => {
    for (const position of positions(0, lastOffset)) {
      const damaged = Buffer.from(whole);
      damaged[position] = (damaged[position] ?? 0) ^ 0xff;
      const file = new MemoryFile('data/blocks.log', damaged);
      const offset = position < (frames[0]?.length ?? 0) ? 0 : frames[0]?.length;
      let caught: unknown;
      try {
        texts(file);
      } catch (error) {
        caught = error;
      }
      expect(caught, `damaged at ${position}`).toBeInstanceOf(CorruptLogError);
      expect(String(caught)).toContain(`data/blocks.log is corrupt at offset ${offset}:`);
      expect(file.size()).toBe(whole.length);
    }
  });

  test('is found behind a gap larger than the read window', () => {
    const damaged = Buffer.concat([whole.subarray(0, 10), Buffer.alloc(3_000_000), whole]);
    expect(() => texts(new MemoryFile('log', damaged))).toThrow(CorruptLogError);
  });
});
