import { expect, test } from 'vitest';
import { mergeByTime } from '../../../../src/cli/logs/merge-by-time.ts';
import { selectLines } from '../../../../src/cli/logs/select-lines.ts';
import { writeLines, type LogForm } from '../../../../src/cli/logs/write-lines.ts';
import { AbortedError } from '../../../../src/core/errors.ts';
import { createVirtualClock } from '../../../../src/lab/fake/virtual-clock.ts';
import type { LogLine } from '../../../../src/lab/lab.ts';

const line = (node: string, atMs: number | undefined, text: string): LogLine => ({
  node,
  text,
  ...(atMs !== undefined && { atMs }),
});

async function* streamOf(...lines: (LogLine | Error | Promise<unknown>)[]): AsyncGenerator<LogLine> {
  for (const one of lines) {
    if (one instanceof Error) throw one;
    if (one instanceof Promise) await one;
    else yield one;
  }
}

async function texts(lines: AsyncIterable<LogLine>): Promise<string[]> {
  const found: string[] = [];
  for await (const { text } of lines) found.push(text);
  return found;
}

const never = new Promise<never>(() => undefined);
const fail = (_index: number, error: unknown): never => {
  throw error;
};

test('lines of all streams come in the order of their times; one without a time stays behind the one before it', async () => {
  const merged = mergeByTime(
    [
      streamOf(line('a', 1, 'a1'), line('a', 4, 'a4'), line('a', undefined, '  at a4'), line('a', 6, 'a6')),
      streamOf(line('b', 2, 'b2'), line('b', 4, 'b4'), line('b', 5, 'b5')),
      streamOf(),
    ],
    { clock: createVirtualClock(), onFailure: fail },
  );
  expect(await texts(merged)).toEqual(['a1', 'b2', 'a4', '  at a4', 'b4', 'b5', 'a6']);
});

test('a stream is asked for its next line only when its last one was taken', async () => {
  let read = 0;
  async function* counted(): AsyncGenerator<LogLine> {
    for (;;) yield line('a', ++read, String(read));
  }
  const merged = mergeByTime([counted(), streamOf(line('b', 1_000, 'end'))], {
    clock: createVirtualClock(),
    onFailure: fail,
  });
  for (let taken = 0; taken < 50; taken++) await merged.next();
  expect(read).toBeLessThanOrEqual(52);
});

test('one that fails is told, and the others go on', async () => {
  const failures: string[] = [];
  const merged = mergeByTime(
    [streamOf(line('a', 1, 'a1'), new Error('gone')), streamOf(line('b', 2, 'b2'), line('b', 3, 'b3'))],
    { clock: createVirtualClock(), onFailure: (index, error) => failures.push(`${index}: ${String(error)}`) },
  );
  expect(await texts(merged)).toEqual(['a1', 'b2', 'b3']);
  expect(failures).toEqual(['0: Error: gone']);
});

test('while lines are followed a silent stream is waited for once, and not again for every line', async () => {
  const clock = createVirtualClock({ isAutomatic: false });
  const merged = mergeByTime(
    [streamOf(...Array.from({ length: 5 }, (_, index) => line('a', index, `a${index}`)), never), streamOf(never)],
    { clock, patienceMs: 400, onFailure: fail },
  );
  const seen: string[] = [];
  void (async () => {
    for await (const { text } of merged) seen.push(text);
  })();
  await clock.advance(390);
  expect(seen).toEqual([]);
  await clock.advance(20);
  expect(seen).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
});

test('cancelled, it ends though its streams are silent', async () => {
  const abort = new AbortController();
  const merged = mergeByTime([streamOf(never)], {
    ...{ clock: createVirtualClock(), onFailure: fail, signal: abort.signal },
  });
  const next = merged.next().catch((error: unknown) => error);
  abort.abort(new AbortedError('enough'));
  expect(await next).toMatchObject({ code: 'aborted' });
});

test('what is searched for is found up to a time, and of it the newest', async () => {
  const lines = () =>
    streamOf(
      line('a', 1, 'block 1'),
      line('a', 2, 'error one'),
      line('a', 3, 'error two'),
      line('a', undefined, 'error two, second line'),
      line('a', 4, 'error three'),
      line('a', undefined, 'error three, second line'),
    );
  const pattern = /error/u;
  expect(await texts(selectLines(lines(), { pattern, untilMs: 3 }))).toEqual([
    ...['error one', 'error two', 'error two, second line'],
  ]);
  expect(await texts(selectLines(lines(), { pattern, tail: 2 }))).toEqual(['error three', 'error three, second line']);
  expect(await texts(selectLines(lines(), {}))).toHaveLength(6);
});

async function written(form: LogForm, names: string[], lines: LogLine[], isTerminal = false): Promise<string> {
  let text = '';
  const problems = new Map([['b', 'b is gone']]);
  await writeLines(streamOf(...lines), { form, names, isTerminal, problems, write: (part) => (text += part) });
  return text;
}

test('lines of several nodes begin with time and name; those of one node are as it wrote them', async () => {
  const lines = [line('a', 0, 'one'), line('node-b', undefined, 'two')];
  expect(await written('text', ['a', 'node-b'], lines)).toBe(
    ['1970-01-01T00:00:00.000Z a      | one', '                         node-b | two', ''].join('\n'),
  );
  expect(await written('text', ['a'], lines.slice(0, 1))).toBe('one\n');
});

test('a terminal is not given what it would obey', async () => {
  const lines = [line('a', 0, 'red \u001b[31m')];
  expect(await written('text', ['a'], lines, true)).toBe('red  [31m\n');
  expect(await written('text', ['a'], lines)).toBe('red \u001b[31m\n');
});

test('JSON is one document with what could not be read, or a document a line when lines are followed', async () => {
  const lines = [line('a', 5, 'one'), line('b', undefined, 'two')];
  const problems = [{ node: 'b', problem: 'b is gone' }];
  expect(JSON.parse(await written('json', ['a', 'b'], lines))).toEqual({ lines, problems });
  expect(JSON.parse(await written('json', ['a', 'b'], []))).toEqual({ lines: [], problems });
  expect(
    (await written('json-lines', ['a', 'b'], lines))
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as unknown),
  ).toEqual(lines);
});
