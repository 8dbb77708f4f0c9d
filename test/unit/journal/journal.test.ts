import { readFile, writeFile, appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../../../src/core/canonical.ts';
import { LabError } from '../../../src/core/errors.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { SettableClock } from '../../helpers/settable-clock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const note = (text: string) => ({ type: 'note', level: 'info', text }) as const;

async function newJournal() {
  const runDir = join(await temporaryFolder(), 'runs', 'r1');
  const clock = new SettableClock('2026-01-02T03:04:05.678Z');
  return { runDir, clock, journal: await Journal.create(runDir, clock) };
}

test('a record is in the file when append resolves, with sequence, both times and the hash of the line before', async () => {
  const { runDir, clock, journal } = await newJournal();
  const first = await journal.append(note('first'));
  const firstLine = await readFile(journal.file, 'utf8');
  clock.advance(250.25);
  const second = await journal.append(note('second'));
  expect(first).toEqual({ ...note('first'), seq: 0, at: '2026-01-02T03:04:05.678Z', monoMs: 0, prev: '0'.repeat(64) });
  expect(firstLine.endsWith('\n')).toBe(true);
  expect(second).toMatchObject({
    seq: 1,
    at: '2026-01-02T03:04:05.928Z',
    monoMs: 250.25,
    prev: sha256(firstLine.trimEnd()),
  });
  const content = await readJournal(runDir);
  expect(content.records).toEqual([first, second]);
  expect(content).toMatchObject({ tornTail: false, headHash: journal.headHash });
  await journal.close();
});

test('concurrent appends are written in the order of the calls', async () => {
  const { runDir, journal } = await newJournal();
  const texts = Array.from({ length: 200 }, (_, index) => `note ${index}`);
  const written = await Promise.all(texts.map((text) => journal.append(note(text))));
  expect(written.map(({ seq }) => seq)).toEqual(texts.map((_, index) => index));
  const { records } = await readJournal(runDir);
  expect(records.map((record) => record.type === 'note' && record.text)).toEqual(texts);
  await journal.close();
});

test('a record holds what the event was when it was appended', async () => {
  const { runDir, journal } = await newJournal();
  const nodes = ['validator-0'];
  const appended = journal.append({ type: 'rollback.started', reason: 'gate failed', nodes });
  nodes.push('validator-1');
  await appended;
  expect((await readJournal(runDir)).records).toMatchObject([{ nodes: ['validator-0'] }]);
  await journal.close();
});

test('close waits for what was appended and refuses what comes later', async () => {
  const { runDir, journal } = await newJournal();
  const pending = journal.append(note('last'));
  await journal.close();
  await journal.close();
  await expect(pending).resolves.toMatchObject({ seq: 0 });
  await expect(journal.append(note('late'))).rejects.toThrow(/journal\.jsonl: the journal is closed/);
  expect((await readJournal(runDir)).records).toHaveLength(1);
});

test('a run that has a journal cannot be started again', async () => {
  const { runDir, clock, journal } = await newJournal();
  await journal.close();
  await expect(Journal.create(runDir, clock)).rejects.toThrow(/journal\.jsonl.*the run has a journal already/);
});

test('a journal below a file instead of a folder is a lab error that names it', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'runs'), 'in the way');
  const creating = Journal.create(join(folder, 'runs', 'r1'), new SettableClock('2026-01-01T00:00:00Z'));
  await expect(creating).rejects.toThrow(LabError);
  await expect(creating).rejects.toThrow(/runs\/r1\/journal\.jsonl.*cannot be started/);
});

test('an opened journal goes on with the chain', async () => {
  const { runDir, journal } = await newJournal();
  await journal.append(note('before'));
  await journal.close();
  const later = new SettableClock('2026-01-03T00:00:00Z');
  const opened = await Journal.open(runDir, later);
  expect(opened).toMatchObject({ tornTail: false, records: [{ seq: 0 }] });
  later.advance(10);
  await opened.journal.append(note('after'));
  await opened.journal.close();
  const { records } = await readJournal(runDir);
  expect(records).toMatchObject([{ seq: 0 }, { seq: 1, at: '2026-01-03T00:00:00.010Z', monoMs: 10 }]);
});

test('opening cuts a torn last line, so that the next record starts on a line of its own', async () => {
  const { runDir, clock, journal } = await newJournal();
  await journal.append(note('whole'));
  await journal.close();
  await appendFile(journal.file, '{"seq":1,"at":"2026');
  const opened = await Journal.open(runDir, clock);
  expect(opened).toMatchObject({ tornTail: true, records: [{ seq: 0 }] });
  await opened.journal.append(note('next'));
  await opened.journal.close();
  const { records, tornTail } = await readJournal(runDir);
  expect(tornTail).toBe(false);
  expect(records).toMatchObject([{ text: 'whole' }, { text: 'next' }]);
});

test('a broken journal is not opened', async () => {
  const { runDir, clock, journal } = await newJournal();
  await journal.append(note('one'));
  await journal.append(note('two'));
  await journal.close();
  await writeFile(journal.file, (await readFile(journal.file, 'utf8')).replace('one', 'ONE'));
  await expect(Journal.open(runDir, clock)).rejects.toThrow(/journal\.jsonl:1: the journal is broken/);
});

test('reading a run without a journal says which file is missing', async () => {
  const folder = await temporaryFolder();
  await expect(readJournal(folder)).rejects.toThrow(`${join(folder, 'journal.jsonl')}: there is no journal`);
});
