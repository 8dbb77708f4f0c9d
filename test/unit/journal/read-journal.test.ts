import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeLine, encodeLine, genesisHash } from '../../../src/journal/record-line.ts';
import { JournalCorruptError, parseJournal } from '../../../src/journal/read-journal.ts';
import type { RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { sha256 } from '../../../src/core/canonical.ts';

const events: RunEvent[] = [
  { type: 'note', level: 'info', text: 'first — with a dash, a "quote" and a \n line end' },
  { type: 'step.started', step: 'upgrade/validator-0' },
  { type: 'rollback.started', reason: 'gate failed', nodes: ['validator-0'] },
  { type: 'note', level: 'warning', text: 'last' },
];

function write(list: readonly RunEvent[]): { records: RunRecord[]; lines: string[] } {
  const records: RunRecord[] = [];
  const lines: string[] = [];
  for (const event of list) {
    const prev = lines.length === 0 ? genesisHash : sha256(lines.at(-1) ?? '');
    const record = { seq: records.length, at: '2026-01-02T03:04:05.678Z', monoMs: records.length, prev, ...event };
    records.push(record);
    lines.push(encodeLine(record));
  }
  return { records, lines };
}

const { records, lines } = write(events);
const bytesOf = (list: readonly string[]): Buffer => Buffer.from(list.map((line) => `${line}\n`).join(''));
const whole = bytesOf(lines);

function problemOf(content: Buffer): JournalCorruptError {
  try {
    parseJournal(content, 'run/journal.jsonl');
  } catch (error) {
    if (error instanceof JournalCorruptError) return error;
    throw error;
  }
  throw new Error('the journal was taken as sound');
}

test('a sound journal gives its records and the hash of its last line', () => {
  expect(parseJournal(whole, 'journal.jsonl')).toEqual({
    records,
    tornTail: false,
    headHash: sha256(lines.at(-1) ?? ''),
    sizeBytes: whole.length,
  });
});

test('an empty journal has no records', () => {
  expect(parseJournal(Buffer.alloc(0), 'journal.jsonl')).toMatchObject({ records: [], tornTail: false });
});

describe('whatever happens to the bytes', () => {
  beforeAll(() => {
    expect(whole.length).toBeGreaterThan(400);
  });

  test('a changed byte is reported, or stands in a torn tail', () => {
    let torn = 0;
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (index, mask) => {
        const changed = Buffer.from(whole);
        changed[index] = (changed[index] ?? 0) ^ mask;
        try {
          const content = parseJournal(changed, 'journal.jsonl');
          torn++;
          expect(content.tornTail).toBe(true);
          expect(content.records).toEqual(records.slice(0, -1));
        } catch (error) {
          expect(error).toBeInstanceOf(JournalCorruptError);
        }
      }),
      { numRuns: 3000 },
    );
    expect(torn).toBeLessThan(100);
  });

  test('the last line end is the only byte whose change is taken for a torn tail', () => {
    for (let index = 0; index < whole.length; index++) {
      const changed = Buffer.from(whole);
      changed[index] = (changed[index] ?? 0) ^ 0x01;
      if (index === whole.length - 1) expect(parseJournal(changed, 'journal.jsonl').tornTail).toBe(true);
      else expect(() => parseJournal(changed, 'journal.jsonl'), `byte ${index}`).toThrow(JournalCorruptError);
    }
  });

  test('a file cut at any byte keeps every complete record before it', () => {
    const ends = lines.map((_, index) => bytesOf(lines.slice(0, index + 1)).length);
    for (let size = 0; size <= whole.length; size++) {
      const complete = ends.filter((end) => end <= size).length;
      const content = parseJournal(whole.subarray(0, size), 'journal.jsonl');
      expect(content.records).toEqual(records.slice(0, complete));
      expect(content.tornTail).toBe(size !== 0 && !ends.includes(size));
    }
  });

  test('any bytes at all after the last line end, but a line end, are a torn tail', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (tail) => {
        fc.pre(!tail.includes(0x0a));
        expect(parseJournal(Buffer.concat([whole, tail]), 'journal.jsonl')).toMatchObject({ tornTail: true, records });
      }),
    );
  });
});

describe('a break names file, line and what differs', () => {
  const [first = '', second = '', third = '', fourth = ''] = lines;

  test('an edited line', () => {
    const problem = problemOf(bytesOf([first, second.replace('validator-0', 'validator-1'), third, fourth]));
    expect(problem.message).toMatch(
      /^run\/journal\.jsonl:2: .*it was changed: its checksum says \w{16}, its content gives \w{16}/,
    );
    expect(problem).toMatchObject({ line: 2, code: 'unsafe', soundRecords: records.slice(0, 1) });
  });

  test('an edited last line', () => {
    expect(problemOf(bytesOf([first, second, third, fourth.replace('last', 'LAST')])).line).toBe(4);
  });

  test('an edited line whose checksum was made to fit is betrayed by the next one', () => {
    const forged = encodeLine({ ...records[1], type: 'step.started', step: 'other' } as RunRecord);
    expect(decodeLine(Buffer.from(forged))).toHaveProperty('record');
    const { message } = problemOf(bytesOf([first, forged, third, fourth]));
    expect(message).toMatch(/:3: .*continues a line with hash \w{64}, but the line before it has \w{64}/);
    expect(message).toContain(sha256(forged));
  });

  test('a missing line', () => {
    expect(problemOf(bytesOf([first, third, fourth])).message).toMatch(
      /:2: .*sequence number is 2 where 1 is due: records before it are missing/,
    );
  });

  test('a missing first line', () => {
    expect(problemOf(bytesOf([second, third])).message).toMatch(/:1: .*sequence number is 1 where 0 is due/);
  });

  test('a repeated line', () => {
    expect(problemOf(bytesOf([first, second, second])).message).toMatch(/:3: .*repeated or moved/);
  });

  test('an empty line', () => {
    expect(problemOf(bytesOf([first, '', second])).message).toMatch(/:2: .*not a journal record/);
  });

  test('a line of another tool', () => {
    expect(problemOf(bytesOf([first, '{"level":"info"}'])).message).toMatch(/:2: .*no checksum/);
  });

  test('an envelope that lacks its time', () => {
    const withoutTime = { ...records[0], at: undefined } as unknown as RunRecord;
    const { message } = problemOf(bytesOf([encodeLine(withoutTime)]));
    expect(message).toMatch(/:1: .*at: /);
  });

  test('a known event without what readers need', () => {
    const line = encodeLine({ ...records[0], type: 'gate.verdict', gate: 'g', nodes: [] } as unknown as RunRecord);
    expect(problemOf(bytesOf([line])).message).toMatch(/:1: .*gate\.verdict: verdict: /);
  });
});

test('events and fields of later versions are read and kept', () => {
  const later = write([
    { type: 'lease.taken', token: 7 } as unknown as RunEvent,
    { type: 'step.started', step: 'a', attempt: 2 } as RunEvent,
  ]);
  expect(parseJournal(bytesOf(later.lines), 'journal.jsonl').records).toEqual(later.records);
});
