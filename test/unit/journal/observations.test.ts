import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256, sha256File } from '../../../src/core/canonical.ts';
import { ObservationWriter, readObservations } from '../../../src/journal/observations.ts';
import type { ObservationLine } from '../../../src/journal/records.ts';
import { fillableDisk } from '../../helpers/fillable-disk.ts';
import { isDiskBusy } from '../../helpers/idle-disk.ts';
import { SettableClock } from '../../helpers/settable-clock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const line = (atMs: number): ObservationLine => ({
  atMs,
  node: 'validator-0',
  state: 'running',
  version: '1.0.0',
  height: atMs,
  alive: true,
  acknowledged: 3,
  errors: 0,
});

async function collect(lines: AsyncIterable<ObservationLine>): Promise<ObservationLine[]> {
  const all: ObservationLine[] = [];
  for await (const each of lines) all.push(each);
  return all;
}

const clock = () => new SettableClock('2026-01-01T00:00:00Z');

test('observations come back in order, and close returns the hash of the file', async () => {
  const runDir = await temporaryFolder();
  const writer = await ObservationWriter.open(runDir, clock());
  const lines = Array.from({ length: 3000 }, (_, index) => line(index));
  for (const each of lines) writer.add(each);
  const closed = await writer.close();
  expect(await writer.close()).toBe(closed);
  expect(closed).toEqual({ hash: await sha256File(writer.file) });
  expect(await collect(readObservations(runDir))).toEqual(lines);
});

test('a run without observations closes with the hash of nothing', async () => {
  const runDir = await temporaryFolder();
  const writer = await ObservationWriter.open(runDir, clock());
  expect(await writer.close()).toEqual({ hash: sha256('') });
  expect(await collect(readObservations(runDir))).toEqual([]);
});

test('a run whose file is not there has no observations', async () => {
  expect(await collect(readObservations(await temporaryFolder()))).toEqual([]);
});

test('a writer goes on after the last complete line, and its hash covers the earlier part', async () => {
  const runDir = await temporaryFolder();
  const first = await ObservationWriter.open(runDir, clock());
  first.add(line(1));
  await first.close();
  await appendFile(first.file, '{"atMs":2,"no');
  const second = await ObservationWriter.open(runDir, clock());
  second.add(line(3));
  const { hash } = await second.close();
  expect(await collect(readObservations(runDir))).toEqual([line(1), line(3)]);
  expect(hash).toBe(sha256(await readFile(join(runDir, 'observations.jsonl'))));
});

test('a torn last line is skipped by readers', async () => {
  const runDir = await temporaryFolder();
  const writer = await ObservationWriter.open(runDir, clock());
  writer.add(line(1));
  await writer.close();
  await appendFile(writer.file, '{"atMs":2');
  expect(await collect(readObservations(runDir))).toEqual([line(1)]);
});

test('what a full disk did not take is told at the end, and what came when there was room again is there', async () => {
  const disk = await fillableDisk('"alive"');
  const runDir = await temporaryFolder();
  const time = clock();
  const writer = await ObservationWriter.open(runDir, time);
  for (let atMs = 0; atMs < 8_000; atMs += 1_000) {
    disk.isFull = atMs >= 3_000 && atMs < 5_000;
    time.advance(1_000);
    writer.add(line(atMs));
    // Until it is on the disk, or is not.
    do await new Promise((resolve) => setImmediate(resolve));
    while (isDiskBusy());
  }
  const { hash, loss } = await writer.close();
  expect(loss).toBe('lines of observations were lost: 2 (ENOSPC: no space left on device, write)');
  expect(await collect(readObservations(runDir))).toEqual([0, 1_000, 2_000, 5_000, 6_000, 7_000].map(line));
  expect(hash).toBe(await sha256File(writer.file));
});

test('a disk that is still full at the end leaves the file as it was vouched for', async () => {
  const disk = await fillableDisk('"alive"');
  const runDir = await temporaryFolder();
  const first = await ObservationWriter.open(runDir, clock());
  first.add(line(1));
  await first.close();
  const writer = await ObservationWriter.open(runDir, clock());
  disk.isFull = true;
  writer.add(line(2));
  expect((await writer.close()).loss).toContain('were lost: 1 (ENOSPC');
  expect((await writer.close()).hash).toBe(await sha256File(writer.file));
  expect(await collect(readObservations(runDir))).toEqual([line(1)]);
});
