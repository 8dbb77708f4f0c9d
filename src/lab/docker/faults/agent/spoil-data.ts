import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** So many of the largest files. */
const FILES = 3;
const SPOILED_BYTES = 64;

/** Overwrites bytes in the middle of the largest files below a folder; resolves to their paths. Twice the same bytes. */
export async function spoilData(folder: string): Promise<{ spoiled: string[] }> {
  const files: { path: string; sizeBytes: number }[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.push({ path, sizeBytes: (await stat(path)).size });
  }
  const largest = files
    .filter(({ sizeBytes }) => sizeBytes > 0)
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, FILES);
  for (const { path, sizeBytes } of largest) {
    const length = Math.min(SPOILED_BYTES, sizeBytes);
    const handle = await open(path, 'r+');
    try {
      await handle.write(Buffer.alloc(length, 0xa5), 0, length, (sizeBytes - length) >> 1);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  return { spoiled: largest.map(({ path }) => path) };
}
