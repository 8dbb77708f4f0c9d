import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { agentFolder, type LeaseReport } from './task.ts';

/** What an agent that was killed and started again must know. */
export interface LeaseRecord {
  bootId: string;
  /** In ms since the boot, so that no clock that is set changes it. */
  deadlineMs: number;
  phase: LeaseReport['phase'];
  /** What the undo needs; absent as long as nothing was done. */
  before?: unknown;
}

const file = join(agentFolder, 'lease.json');

/** The record of the agent before this one; undefined on the first start. */
export async function readRecord(): Promise<LeaseRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as LeaseRecord;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Is on the disk when it returns. */
export async function writeRecord(record: LeaseRecord): Promise<void> {
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(record));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** Ms since the boot, the same for every process. */
export async function uptimeMs(): Promise<number> {
  return Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]) * 1000;
}
