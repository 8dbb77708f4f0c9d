import { open, type FileHandle } from 'node:fs/promises';
import { onTestFinished, vi } from 'vitest';

/** While `isFull`, of text with these words that is appended to any file only the beginning is written, as a disk does that runs full. */
export async function fillableDisk(words: string): Promise<{ isFull: boolean }> {
  const any = await open('/dev/null');
  const handles = Object.getPrototypeOf(any) as FileHandle;
  await any.close();
  const { appendFile } = handles;
  const disk = { isFull: false };
  const spy = vi.spyOn(handles, 'appendFile').mockImplementation(async function (this: FileHandle, data, options) {
    if (!disk.isFull || typeof data !== 'string' || !data.includes(words)) return appendFile.call(this, data, options);
    await appendFile.call(this, data.slice(0, 20));
    throw new Error('ENOSPC: no space left on device, write');
  });
  onTestFinished(() => spy.mockRestore());
  return disk;
}
