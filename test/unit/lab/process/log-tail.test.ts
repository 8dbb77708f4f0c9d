import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tailLog } from '../../../../src/lab/process/log-tail.ts';
import { temporaryFolder } from '../../../helpers/temporary-folder.ts';

async function logDir(files: Record<string, string>): Promise<string> {
  const folder = join(await temporaryFolder(), 'logs');
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

async function texts(folder: string, tail: number, sinceMs?: number): Promise<string[]> {
  return (await tailLog('validator-0', folder, { tail, sinceMs })).map(({ text }) => text);
}

test('the newest lines come oldest first, with or without an end of the last line', async () => {
  const folder = await logDir({ 'node.log': 'one\ntwo\nthree\n' });
  expect(await texts(folder, 2)).toEqual(['two', 'three']);
  expect(await texts(folder, 10)).toEqual(['one', 'two', 'three']);
  expect(await texts(folder, 0)).toEqual([]);
  writeFileSync(join(folder, 'node.log'), 'one\ntwo\nthr');
  expect(await texts(folder, 2)).toEqual(['two', 'thr']);
});

test('a line that was cut by a rotation is put together again', async () => {
  const folder = await logDir({ 'node.log.2': 'a\nb\n', 'node.log.1': 'c\nd-first ', 'node.log': 'd-second\ne\n' });
  expect(await texts(folder, 3)).toEqual(['c', 'd-first d-second', 'e']);
  expect(await texts(folder, 5)).toEqual(['a', 'b', 'c', 'd-first d-second', 'e']);
});

test('lines longer than a block and characters on its edge survive', async () => {
  const long = 'ä'.repeat(100_000);
  const folder = await logDir({ 'node.log': `first\n${long}\nlast\n` });
  expect(await texts(folder, 2)).toEqual([long, 'last']);
});

test('no log yet means no lines', async () => {
  expect(await texts(await logDir({}), 10)).toEqual([]);
  expect(await texts(await logDir({ 'node.log': '' }), 10)).toEqual([]);
});

test('times are read from JSON lines in seconds, milliseconds and as dates', async () => {
  const folder = await logDir({
    'node.log': [
      '{"ts":1767225600,"msg":"s"}',
      '{"ts":1767225600500,"msg":"ms"}',
      '{"ts":"2026-01-01T00:00:01Z","msg":"date"}',
      '{"msg":"none"}',
      '{broken',
    ].join('\n'),
  });
  const lines = await tailLog('validator-0', folder, { tail: 10 });
  expect(lines.map(({ atMs }) => atMs)).toEqual([
    1_767_225_600_000,
    1_767_225_600_500,
    1_767_225_601_000,
    undefined,
    undefined,
  ]);
});

test('lines since a time keep what belongs to them, and leave nothing out where no time is known', async () => {
  const folder = await logDir({ 'node.log': '{"ts":1767225600000}\n  trace\n{"ts":1767225660000}\n  trace too\n' });
  expect(await texts(folder, 10, 1_767_225_630_000)).toEqual(['{"ts":1767225660000}', '  trace too']);
  const plain = await logDir({ 'node.log': 'a\nb\n' });
  expect(await texts(plain, 10, 1_767_225_630_000)).toEqual(['a', 'b']);
});
