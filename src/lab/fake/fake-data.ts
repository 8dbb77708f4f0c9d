import { buffer } from 'node:stream/consumers';
import { readArchive, type SnapshotEntry } from '../snapshot-archive.ts';
import { archivePath } from '../snapshot-manifest.ts';

/** What the data of every fake node takes. */
export const DATA_SIZE_BYTES = 4096;

const base = { mode: 0o600, uid: 0, gid: 0, mtime: new Date(0) };

/** All that a fake node keeps: its height. */
export async function* fakeData(height: number): AsyncGenerator<SnapshotEntry> {
  yield { ...base, path: '.', type: 'directory', mode: 0o700 };
  const text = Buffer.from(`${height}\n`);
  yield { ...base, path: 'height', type: 'file', sizeBytes: text.length, content: oneChunk(text) };
}

/** The height in a snapshot of a fake node. */
export async function heightIn(folder: string): Promise<number> {
  let height = 0;
  await readArchive(archivePath(folder), async ({ path }, content) => {
    const text = await buffer(content);
    if (path === 'height') height = Number(text.toString('utf8'));
  });
  return height;
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
