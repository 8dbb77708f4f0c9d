import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Vote, VoteKind } from '../../../node/chain.ts';
import { DiskFile } from '../../../node/disk-file.ts';
import { WriteAheadLog } from '../../../node/write-ahead-log.ts';
import type { SafetyRecord } from '../../../node/write-ahead-log.ts';
import { MemoryFile } from './memory-file.ts';

function vote(height: number, round: number, kind: VoteKind): Vote {
  return { type: 'vote', kind, height, round, block: 'b', validator: 'validator-0', signature: 's' };
}

function record(height: number, round: number, step: VoteKind): SafetyRecord {
  return { height, round, step, locked: null, signed: [vote(height, round, step)] };
}

test('An empty log remembers nothing', () => {
  expect(new WriteAheadLog(new MemoryFile('wal')).last()).toBeNull();
});

test('The last record comes back with all that was signed at its height and nothing of other heights', () => {
  const file = new MemoryFile('wal');
  const wal = new WriteAheadLog(file);
  for (const entry of [record(1, 0, 'precommit'), record(2, 0, 'prevote'), record(2, 1, 'prevote')]) wal.save(entry);
  const expected = { ...record(2, 1, 'prevote'), signed: [vote(2, 0, 'prevote'), vote(2, 1, 'prevote')] };
  expect(wal.last()).toEqual(expected);
  expect(new WriteAheadLog(new MemoryFile('wal', file.content())).last()).toEqual(expected);
});

test('A log cut at any byte of its last record remembers what was signed before it', () => {
  const file = new MemoryFile('wal');
  const wal = new WriteAheadLog(file);
  wal.save(record(3, 0, 'prevote'));
  const size = file.size();
  wal.save(record(3, 0, 'precommit'));
  const content = file.content();
  for (let cut = size; cut < content.length; cut++) {
    const reopened = new WriteAheadLog(new MemoryFile('wal', content.subarray(0, cut)));
    expect(reopened.last(), `cut at ${cut}`).toEqual(record(3, 0, 'prevote'));
  }
});

test('A log on disk stays small over many heights and still knows the last one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'refchain-'));
  try {
    const path = join(folder, 'wal.log');
    const wal = new WriteAheadLog(new DiskFile(path));
    const filler = 'x'.repeat(20_000);
    for (let height = 1; height <= 60; height++) {
      wal.save({ ...record(height, 0, 'prevote'), signed: [{ ...vote(height, 0, 'prevote'), block: filler }] });
      wal.save(record(height, 0, 'precommit'));
      wal.forgetBelow(height);
    }
    wal.close();
    expect(statSync(path).size).toBeLessThan(300_000);
    const reopened = new WriteAheadLog(new DiskFile(path));
    expect(reopened.last()?.signed).toHaveLength(2);
    expect(reopened.last()?.height).toBe(60);
    reopened.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
