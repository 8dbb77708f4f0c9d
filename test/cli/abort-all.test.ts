import { execa } from 'execa';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeDurableRun } from '../helpers/durable-run.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const cli = join(import.meta.dirname, '../../src/cli/main.ts');

test('abort --all tells of every run, also behind one that cannot be taken back', async () => {
  const root = await temporaryFolder();
  await mkdir(join(root, 'systems'));
  await mkdir(join(root, 'stacks'));
  for (const testnet of ['first', 'second']) {
    await writeFile(join(root, 'stacks', `${testnet}.yaml`), '# nothing of use\n');
    await writeDurableRun(join(root, '.seatrial', testnet), { until: 'waiting', testnet });
  }
  const { exitCode, stdout } = await execa(process.execPath, [cli, 'abort', '--all', '--json'], {
    cwd: root,
    reject: false,
  });
  const { aborted } = JSON.parse(stdout) as { aborted: { testnet: string; outcome: string; reason: string }[] };
  expect(aborted.map(({ testnet, outcome }) => `${testnet} ${outcome}`)).toEqual(['first error', 'second error']);
  for (const { testnet, reason } of aborted) expect(reason).toContain(`${testnet}.yaml`);
  expect(exitCode).toBeGreaterThan(0);
});
