import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlockStore } from '../../../node/block-store.ts';
import { blockHash } from '../../../node/chain.ts';
import type { CommittedBlock } from '../../../node/chain.ts';
import { DiskFile } from '../../../node/disk-file.ts';
import { CorruptLogError } from '../../../node/record-log.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refchain-'));
  path = join(folder, 'blocks.log');
});

afterEach(() => rmSync(folder, { recursive: true }));

function chainOf(length: number): CommittedBlock[] {
  const entries: CommittedBlock[] = [];
  for (let height = 1; height <= length; height++) {
    const previous = entries.at(-1);
    const previousHash = previous ? blockHash(previous.block) : 'root';
    const transactions = [{ key: `k${height}`, value: 'v', nonce: '' }];
    const block = { height, previousHash, appHash: 'a', time: height, proposer: 'validator-0', transactions };
    entries.push({ block, commit: { height, round: 0, block: blockHash(block), signatures: [] } });
  }
  return entries;
}

function write(entries: readonly CommittedBlock[]): number[] {
  const store = new BlockStore(new DiskFile(path));
  expect([...store.open()]).toEqual([]);
  const sizes = entries.map((entry) => {
    store.append(entry);
    return statSync(path).size;
  });
  store.sync();
  store.close();
  return sizes;
}

function reopened(): { store: BlockStore; heights: number[] } {
  const store = new BlockStore(new DiskFile(path));
  return { store, heights: [...store.open()].map(({ block }) => block.height) };
}

test('Blocks are read back by height after the store is opened again', () => {
  const entries = chainOf(5);
  write(entries);
  const { store, heights } = reopened();
  expect(heights).toEqual([1, 2, 3, 4, 5]);
  expect(store.tip).toEqual(entries[4]);
  expect([1, 3, 5].map((height) => store.read(height))).toEqual([entries[0], entries[2], entries[4]]);
  expect([store.read(0), store.read(6)]).toEqual([null, null]);
  store.close();
});

test('A store cut at any byte of its last block opens at the block before and takes that block again', () => {
  const entries = chainOf(3);
  const sizes = write(entries);
  const content = readFileSync(path);
  for (let size = sizes[1] ?? 0; size < content.length; size++) {
    writeFileSync(path, content);
    truncateSync(path, size);
    const { store, heights } = reopened();
    expect(heights, `cut at ${size}`).toEqual([1, 2]);
    store.append(entries[2] as CommittedBlock);
    store.sync();
    store.close();
    expect(readFileSync(path).equals(content)).toBe(true);
  }
});

test('A store with a byte wrong before its last block names the file and the offset', () => {
  const sizes = write(chainOf(3));
  const content = readFileSync(path);
  content[(sizes[0] ?? 0) + 20] = 0;
  writeFileSync(path, content);
  expect(() => reopened()).toThrow(`${path} is corrupt at offset ${sizes[0]}:`);
});

test('A block that does not follow the one before is refused at opening', () => {
  write(chainOf(2));
  const other = readFileSync(path);
  appendFileSync(path, other);
  expect(() => reopened()).toThrow(CorruptLogError);
});

test('A block out of order is refused at writing', () => {
  const entries = chainOf(3);
  const store = new BlockStore(new DiskFile(path));
  expect([...store.open()]).toEqual([]);
  expect(() => store.append(entries[1] as CommittedBlock)).toThrow('block 2 appended at 0');
  store.close();
});
