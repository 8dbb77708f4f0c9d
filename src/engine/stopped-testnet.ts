import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeFileAtomic } from '../core/files.ts';

/** A testnet that was stopped on purpose, with its data and keys kept. */
export interface StoppedTestnet {
  /** ISO 8601. */
  since: string;
}

function stoppedFile(stateDir: string): string {
  return join(stateDir, 'stopped.json');
}

/** Undefined when it was not stopped, or was started again. */
export async function readStopped(stateDir: string): Promise<StoppedTestnet | undefined> {
  return readJsonFile<StoppedTestnet>(stoppedFile(stateDir));
}

/**
 * Notes down that it is being stopped, before the first node is. The gates that its nodes have passed say nothing of what will be started
 * again, so they are forgotten.
 */
export async function noteStopped(stateDir: string, since: string): Promise<void> {
  await writeFileAtomic(stoppedFile(stateDir), `${JSON.stringify({ since } satisfies StoppedTestnet, null, 2)}\n`);
  await rm(join(stateDir, 'passed.json'), { force: true });
}

export async function noteStarted(stateDir: string): Promise<void> {
  await rm(stoppedFile(stateDir), { force: true });
}
