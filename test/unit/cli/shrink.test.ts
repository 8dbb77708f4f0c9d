import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { Journal } from '../../../src/journal/journal.ts';
import type { Plan } from '../../../src/journal/records.ts';
import { runFolder } from '../../../src/journal/run-files.ts';
import { SettableClock } from '../../helpers/settable-clock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const cli = join(import.meta.dirname, '../../../bin/seatrial.js');
const command = join(import.meta.dirname, '../../../src/cli/commands/shrink.ts');
const runId = '20260314-092653-0001';

/** A project with a random sequence of two steps that failed, on a testnet whose file says nothing that could be brought up. */
async function failedProject(): Promise<string> {
  const root = await temporaryFolder();
  for (const folder of ['stacks', 'systems']) await mkdir(join(root, folder));
  await writeFile(join(root, 'stacks/local.yaml'), 'system: none\n');
  const plan: Plan = {
    ...{ testnet: 'local', runbook: 'chaos', parameters: { seed: '1', steps: 'all' }, lab: 'process', gate: 'smoke' },
    ...{ onFailure: 'hold', steps: [], halts: [] },
  };
  const journal = await Journal.create(
    runFolder(join(root, '.seatrial/local'), runId),
    new SettableClock('2026-03-14T09:26:53.000Z'),
  );
  const names = { runId, testnet: 'local', system: 'none', lab: 'process', runbook: 'chaos' };
  await journal.append({ type: 'run.started', ...names, planHash: '', plan, seatrialVersion: '0.1.0', before: [] });
  for (const step of ['1-kill', '2-pause']) await journal.append({ type: 'step.started', step });
  await journal.append({
    type: 'guard.failed',
    step: '2-pause',
    node: 'validator-0',
    check: 'liveness',
    reason: 'it stands',
  });
  await journal.append({ type: 'run.finished', outcome: 'failed', exitCode: 1, after: [], observations: '' });
  await journal.close();
  return root;
}

const shrink = (cwd: string, ...more: string[]) =>
  execa(process.execPath, [cli, 'shrink', 'local', ...more], { cwd, reject: false });

test('shrink refuses a file that it did not make, and leaves it there', async () => {
  const root = await failedProject();
  const file = join(root, 'stacks/local-shrink.yaml');
  await writeFile(file, 'system: mine\n');
  const { exitCode, stderr } = await shrink(root);
  expect(exitCode, stderr).toBe(2);
  expect(stderr).toContain('stacks/local-shrink.yaml exists');
  expect(await readFile(file, 'utf8')).toBe('system: mine\n');
});

test('shrink tells what it has found before the error that ended it, and takes its file away', async () => {
  const root = await failedProject();
  const again = 'seatrial run chaos local --gate smoke --set seed=1 --set steps=1,2';
  const { exitCode, stdout, stderr } = await shrink(root);
  expect(exitCode, stderr).toBe(4);
  expect(stdout).toContain(
    `nothing smaller was seen to fail in 0 attempts, and not all was tried. Again with:\n${again}`,
  );
  expect(stderr).toContain('local-shrink could not be brought up for the steps 1 (exit code 2)');
  await expect(readFile(join(root, 'stacks/local-shrink.yaml'))).rejects.toThrow('ENOENT');
  const found = JSON.parse((await shrink(root, '--json')).stdout) as object;
  expect(found).toMatchObject({ smallest: [1, 2], isSmallest: false, command: again, error: { code: 'lab' } });
});

/** The command itself, in a program whose other commands do these deeds. */
async function writeProgram(root: string, deeds: { up: string; down: string }): Promise<string> {
  const program = join(root, 'program.mjs');
  const topology = join(root, '.seatrial/local-shrink/topology.json');
  await writeFile(
    program,
    `import { rmSync, writeFileSync } from 'node:fs';
    const deeds = {
      shrink: async () => {
        const { shrink } = await import(${JSON.stringify(command)});
        process.exitCode = await shrink('local', { attempts: '9', within: '1m' });
      },
      up: () => { writeFileSync(${JSON.stringify(topology)}, '{}'); ${deeds.up} },
      run: () => { process.exitCode = 4; },
      down: () => { ${deeds.down} },
    };
    await deeds[process.argv[2]]();\n`,
  );
  return program;
}

const start = (program: string, cwd: string) => execa(process.execPath, [program, 'shrink'], { cwd, reject: false });

test('shrink keeps its file when the testnet could not be taken down, and says how that is done', async () => {
  const root = await failedProject();
  const { exitCode, stderr } = await start(await writeProgram(root, { up: '', down: 'process.exitCode = 4;' }), root);
  expect(exitCode, stderr).toBe(5);
  expect(stderr).toContain('seatrial down local-shrink');
  expect(await readFile(join(root, 'stacks/local-shrink.yaml'), 'utf8')).toBe('system: none\n');
});

test('shrink that is interrupted while a testnet comes up tells what it has found, and ends as interrupted', async () => {
  const root = await failedProject();
  const topology = JSON.stringify(join(root, '.seatrial/local-shrink/topology.json'));
  const up = `process.on('SIGINT', () => process.exit(130)); setTimeout(() => {}, 20000); writeFileSync('begun', '');`;
  const child = start(await writeProgram(root, { up, down: `rmSync(${topology});` }), root);
  const begun = (): Promise<string | undefined> => readFile(join(root, 'begun'), 'utf8').catch(() => undefined);
  await waitFor(begun, { clock: systemClock, what: 'the testnet', timeoutMs: 20_000 });
  child.kill('SIGINT');
  const { exitCode, stdout, stderr } = await child;
  expect(exitCode, stderr).toBe(130);
  expect(stdout).toMatch(/not all was tried\. Again with:\nseatrial run chaos local .*--set steps=1,2$/);
  expect(stderr).not.toContain('error');
  await expect(readFile(join(root, 'stacks/local-shrink.yaml'))).rejects.toThrow('ENOENT');
});
