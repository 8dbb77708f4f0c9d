import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DiskFile } from './disk-file.ts';
import { recover } from './record-log.ts';

/** Drops the newest blocks of a data folder, and all that its validator remembers of its own signatures. */
export function forgetLatest(folder: string, blocks: number): void {
  const path = join(folder, 'blocks.log');
  if (!existsSync(path)) return;
  const file = new DiskFile(path);
  const offsets = [...recover(file)].map(({ offset }) => offset);
  file.truncate(offsets.at(-blocks) ?? 0);
  file.sync();
  file.close();
  rmSync(join(folder, 'wal.log'), { force: true });
}
