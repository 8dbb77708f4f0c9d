import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prepareStages } from '../../../../src/engine/planning/prepare.ts';
import { openProject } from '../../../../src/engine/project.ts';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { createFakeLab } from '../../../../src/lab/fake/fake-lab.ts';
import { createVirtualClock } from '../../../../src/lab/fake/virtual-clock.ts';
import { temporaryFolder } from '../../../helpers/temporary-folder.ts';

const repository = join(import.meta.dirname, '..', '..', '..', '..');
const text = `system: reference
lab: attached
version: 1.0.0
nodes: { validator: 2 }
attach:
  validator-0: { http: "http://127.0.0.1:1" }
  validator-1: { http: "http://127.0.0.1:2" }
`;

/** Prepares a run of one stage on two nodes that others started. */
async function prepare(stage: RunbookStage): Promise<unknown> {
  const root = await temporaryFolder();
  await mkdir(join(root, 'stacks'));
  for (const name of ['systems', 'node', 'package.json']) await symlink(join(repository, name), join(root, name));
  const file = join(root, 'stacks', 'theirs.yaml');
  await writeFile(file, text);
  const containers = () => Promise.reject(new Error('there is no engine'));
  const project = await openProject(root, file, containers, process.execPath);
  const topology = await project.topology(project.desired);
  const lab = createFakeLab({ topology, clock: createVirtualClock() });
  return prepareStages(project, lab, { name: stage.kind, parameters: {}, stages: [stage], mayBeAbsent: true });
}

test.each<[string, (nodes: string[]) => RunbookStage]>([
  ['a backup', (nodes) => ({ kind: 'take-backup', id: 'backup', nodes })],
  ['a restore', (nodes) => ({ kind: 'restore-backup', id: 'restore', backup: 'newest', nodes })],
])('%s of a node that does not exist is refused with the nearest one before anything begins', async (_what, stage) => {
  await expect(prepare(stage(['validator-9']))).rejects.toMatchObject({
    code: 'usage',
    message: 'there is no node validator-9; did you mean validator-0?',
  });
  await expect(prepare(stage(['validator-1']))).rejects.toThrow(/which the attached lab cannot/);
});
