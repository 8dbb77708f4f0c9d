import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../src/core/canonical.ts';
import { encodeLine, genesisHash } from '../../src/journal/record-line.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { journalFile } from '../../src/journal/run-files.ts';
import type { SystemProfile } from '../../src/spec/profile.ts';
import { verifyRun, type Verification } from '../../src/verify/verify-run.ts';
import { runWorld, type RunWorld } from './run-world.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A world with traffic: every transaction stands in the block at its height, on all nodes. */
export async function busyWorld(
  profile: Partial<SystemProfile> = {},
  { nodeCount = 4 }: { nodeCount?: number } = {},
): Promise<RunWorld> {
  const blocks = new Map<number, string[]>();
  let highest = 0;
  return runWorld({
    nodeCount,
    topology: { loadPerSecond: 5 },
    script: (node) => ({ blocksPerSecond: node.release.version === '3.0.0' && node.name === 'node-1' ? 0 : 5 }),
    profile: {
      submit: async (client, { sequence }) => {
        const { height } = (await client.getJson('http', '/status')) as { height: number };
        highest = Math.max(highest, height);
        const id = `tx-${sequence}`;
        blocks.set(highest, [...(blocks.get(highest) ?? []), id]);
        return { outcome: 'acknowledged', id, height: highest };
      },
      transactionsAt: async (_client, height) => blocks.get(height) ?? [],
      ...profile,
    },
  });
}

export async function verified(runDir: string): Promise<Verification> {
  return verifyRun({
    runDir,
    loadProfile: () => Promise.reject(new Error('the evidence holds the rules')),
  });
}

/** A copy of a run, to be edited. */
export async function copyOf(runDir: string): Promise<string> {
  const copy = join(await temporaryFolder(), 'run');
  await cp(runDir, copy, { recursive: true });
  return copy;
}

/** Writes a copy of a run whose records were edited by somebody who knows how to chain them anew. */
export async function forged(runDir: string, edit: (records: RunRecord[]) => RunRecord[]): Promise<string> {
  const copy = await copyOf(runDir);
  const { records } = await readJournal(copy);
  let prev = genesisHash;
  const lines = edit(structuredClone(records)).map((record, seq) => {
    const line = encodeLine({ ...record, seq, prev });
    prev = sha256(line);
    return `${line}\n`;
  });
  await writeFile(journalFile(copy), lines.join(''));
  return copy;
}

/** Turns one bit of a file. */
export async function turnBit(file: string, at: number, bit: number): Promise<void> {
  const content = await readFile(file);
  content[at] = (content[at] ?? 0) ^ (1 << bit);
  await writeFile(file, content);
}
