import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Backups } from '../../src/backup/backups.ts';
import { executeRun } from '../../src/engine/run.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { BackupSpec } from '../../src/spec/testnet.ts';
import { digestOf, worldNode } from './gate-world.ts';
import { runWorld, type RunWorld } from './run-world.ts';
import { memoryFolder } from './temporary-folder.ts';

export const names = ['node-0', 'node-1', 'node-2', 'node-3'];

/** A network in memory with a folder for its backups; `settings` is what its file says of them. */
export async function backupWorld(settings: BackupSpec = {}): Promise<RunWorld & { backups: Backups }> {
  const root = await memoryFolder();
  const specFile = join(root, 'world.yaml');
  await writeFile(specFile, 'system: scripted\n');
  const release = { version: '1.0.0', kind: 'image', digest: digestOf('1.0.0'), imageId: digestOf('1.0.0') } as const;
  const nodes = names.map((_, index) => ({ ...worldNode(index, '1.0.0'), release }));
  const world = await runWorld({ topology: { nodes } });
  const backups = new Backups({
    root,
    testnet: 'world',
    system: 'scripted',
    stateDir: world.topology.stateDir,
    specFile,
    settings,
    clock: world.clock,
    env: {},
    notice: () => undefined,
  });
  const inputs: RunWorld['inputs'] = async (given) => ({ ...(await world.inputs(given)), backups });
  return {
    ...world,
    backups,
    inputs,
    upgrade: async (given) => {
      const result = await world.untilSettled(executeRun(await inputs(given)));
      return { result, records: (await readJournal(result.runDir)).records };
    },
    resumed: async (cut) => ({ ...(await world.resumed(cut)), backups }),
  };
}
