import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { onTestFinished } from 'vitest';

/** An empty folder that is removed when the test has ended. */
export async function temporaryFolder(parent: string = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, 'seatrial-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The same in memory where the machine has such a place: what writes a hundred journals then does not wait for the disk. */
export function memoryFolder(): Promise<string> {
  return temporaryFolder(existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
}
