import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

test('the help that is printed without loading anything is what the commands say (node src/cli/main.ts --help > bin/help.txt)', async () => {
  const { stdout } = await execa(process.execPath, ['src/cli/main.ts', '--help'], {
    cwd: root,
    env: { COLUMNS: '80' },
  });
  expect(stdout).toContain('Usage: seatrial');
  expect(`${stdout}\n`).toBe(await readFile(join(root, 'bin/help.txt'), 'utf8'));
});

test.each([
  [[], 2],
  [['--help'], 0],
  [['-h'], 0],
])('seatrial %j shows the help and ends with %i', async (args, exitCode) => {
  const result = await execa(process.execPath, ['bin/seatrial.js', ...args], { cwd: root, reject: false });
  expect(result.exitCode).toBe(exitCode);
  expect(result.stdout).toMatch(/rolling|run <|run \[/);
});
