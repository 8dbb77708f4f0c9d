import { appendFileSync, copyFileSync, mkdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../../../../src/lab/fake/virtual-clock.ts';
import { streamLog } from '../../../../src/lab/process/log-stream.ts';
import { passTime } from '../../../helpers/idle-disk.ts';
import { temporaryFolder } from '../../../helpers/temporary-folder.ts';

async function logDir(files: Record<string, string>): Promise<string> {
  const folder = join(await temporaryFolder(), 'logs');
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

async function texts(folder: string, options: { sinceMs?: number; tail?: number } = {}): Promise<string[]> {
  const found: string[] = [];
  const stream = streamLog('a', folder, { ...options, clock: createVirtualClock() });
  for await (const { text } of stream) found.push(text);
  return found;
}

/** Follows a log and collects what comes. */
function follow(folder: string, tail?: number) {
  const clock = createVirtualClock({ isAutomatic: false });
  const abort = new AbortController();
  const seen: string[] = [];
  const ended = (async () => {
    const stream = streamLog('a', folder, {
      clock,
      follow: true,
      signal: abort.signal,
      ...(tail !== undefined && { tail }),
    });
    for await (const { text } of stream) seen.push(text);
  })().catch((error: unknown) => error);
  return { seen, abort, ended, pass: () => passTime(clock, 500, 50) };
}

test('all files are read as if they were one, oldest first, a line across two of them as well', async () => {
  const folder = await logDir({ 'node.log.2': 'a\nb\n', 'node.log.1': 'c\nd-first ', 'node.log': 'd-second\ne' });
  expect(await texts(folder)).toEqual(['a', 'b', 'c', 'd-first d-second', 'e']);
  expect(await texts(folder, { tail: 2 })).toEqual(['d-first d-second', 'e']);
  expect(await texts(await logDir({}))).toEqual([]);
});

test('lines from a time on come with what belongs to them', async () => {
  const lines = [
    '{"ts":"2026-05-01T12:00:00Z","msg":"old"}',
    '  at old',
    '{"ts":"2026-05-01T12:00:02Z","msg":"new"}',
    '  at new',
  ];
  const folder = await logDir({ 'node.log': `${lines.join('\n')}\n` });
  expect(await texts(folder, { sinceMs: Date.parse('2026-05-01T12:00:01Z') })).toEqual(lines.slice(2));
});

test('a line that never ends comes in parts', async () => {
  const folder = await logDir({ 'node.log': 'x'.repeat(3 * 1024 * 1024) });
  const found = await texts(folder);
  expect(found.length).toBeGreaterThanOrEqual(3);
  expect(found.join('').length).toBe(3 * 1024 * 1024);
});

test('a followed log goes on with what is added, whole lines only, after the newest of what was there', async () => {
  const folder = await logDir({ 'node.log.1': 'a\n', 'node.log': 'b\nc\n' });
  const { seen, abort, ended, pass } = follow(folder, 2);
  await pass();
  expect(seen).toEqual(['b', 'c']);
  appendFileSync(join(folder, 'node.log'), 'd\nhalf');
  await pass();
  expect(seen).toEqual(['b', 'c', 'd']);
  appendFileSync(join(folder, 'node.log'), ' a line\n');
  await pass();
  expect(seen.at(-1)).toBe('half a line');
  abort.abort();
  expect(await ended).toMatchObject({ code: 'aborted' });
});

test('a rotation loses no line of a followed log, by a copy or by a new name', async () => {
  const folder = await logDir({ 'node.log': 'one\n' });
  const log = join(folder, 'node.log');
  const { seen, abort, ended, pass } = follow(folder);
  await pass();
  // Written, and rotated, between two looks.
  appendFileSync(log, 'two\n');
  copyFileSync(log, `${log}.1`);
  truncateSync(log, 0);
  await pass();
  appendFileSync(log, 'three\n');
  await pass();
  appendFileSync(log, 'four\n');
  renameSync(log, `${log}.1`);
  writeFileSync(log, 'five is longer than all before it together\n');
  await pass();
  expect(seen).toEqual(['one', 'two', 'three', 'four', 'five is longer than all before it together']);
  abort.abort();
  await ended;
});
