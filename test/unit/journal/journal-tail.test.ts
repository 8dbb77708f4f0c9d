import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Journal } from '../../../src/journal/journal.ts';
import { JournalTail } from '../../../src/journal/journal-tail.ts';
import { SettableClock } from '../../helpers/settable-clock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const note = (text: string) => ({ type: 'note', level: 'info', text }) as const;

test('each look gives the records since the last one, before there is a journal none', async () => {
  const runDir = join(await temporaryFolder(), 'run');
  const tail = new JournalTail(runDir);
  expect(await tail.read()).toEqual([]);
  const journal = await Journal.create(runDir, new SettableClock('2026-01-01T00:00:00.000Z'));
  await journal.append(note('one'));
  await journal.append(note('zwei ü'));
  expect(await tail.read()).toMatchObject([note('one'), note('zwei ü')]);
  expect(await tail.read()).toEqual([]);
  await journal.append(note('three'));
  expect(await tail.read()).toMatchObject([note('three')]);
  await journal.close();
});

test('a line that is written in two parts is one record, given when it is complete', async () => {
  const folder = await temporaryFolder();
  const journal = await Journal.create(join(folder, 'a'), new SettableClock('2026-01-01T00:00:00.000Z'));
  await journal.append(note('ü'.repeat(50)));
  await journal.close();
  const bytes = await readFile(journal.file);
  const runDir = join(folder, 'b');
  await mkdir(runDir);
  const tail = new JournalTail(runDir);
  const cut = bytes.indexOf('ü') + 1;
  await writeFile(join(runDir, 'journal.jsonl'), bytes.subarray(0, cut));
  expect(await tail.read()).toEqual([]);
  await appendFile(join(runDir, 'journal.jsonl'), bytes.subarray(cut));
  expect(await tail.read()).toMatchObject([note('ü'.repeat(50))]);
});

test('a line that was changed is left out, those around it are given', async () => {
  const runDir = join(await temporaryFolder(), 'run');
  const journal = await Journal.create(runDir, new SettableClock('2026-01-01T00:00:00.000Z'));
  for (const text of ['one', 'two', 'three']) await journal.append(note(text));
  await journal.close();
  await writeFile(journal.file, (await readFile(journal.file, 'utf8')).replace('two', 'TWO'));
  expect(await new JournalTail(runDir).read()).toMatchObject([note('one'), note('three')]);
});
