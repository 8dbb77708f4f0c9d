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

test.each([
  ['a missing argument', ['status'], "missing required argument 'testnet'"],
  ['an unknown option', ['status', 'local', '--jsn'], 'Did you mean --json?'],
  [
    'a value that is not one of the choices',
    ['report', 'local', '--format', 'pdf'],
    'Allowed choices are html, json, text',
  ],
  ['an argument too many', ['env', 'extra'], 'too many arguments'],
  ['an unknown command', ['statsu'], 'Did you mean status?'],
])('%s ends with 2 and says what is wrong', async (_what, args, message) => {
  const result = await execa(process.execPath, ['bin/seatrial.js', ...args], { cwd: root, reject: false });
  expect(result.exitCode).toBe(2);
  expect(result.stderr).toContain(message);
});
