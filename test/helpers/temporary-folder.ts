import { existsSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder that is removed when the test has ended. */
export async function temporaryFolder(parent: string = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, 'seatrial-test-'));
  // Synchronously: of the hundreds of folders of one test, the removal of one did not come back from the thread pool.
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The same in memory where the machine has such a place: what writes a hundred journals then does not wait for the disk. */
export function memoryFolder(): Promise<string> {
  return temporaryFolder(existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
}
