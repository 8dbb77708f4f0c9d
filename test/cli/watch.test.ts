import { execa } from 'execa';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasProgram } from '../helpers/programs.ts';
import { projectForTest } from '../helpers/project.ts';

const yaml = [
  'system: reference',
  'lab: process',
  'gate: smoke',
  'releases:',
  '  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }',
  'version: 1.0.0',
  'nodes: { validator: 4 }',
  '',
].join('\n');

test('watch shows the nodes and the newest run once, or a line for each change, and leaves by itself', async () => {
  const project = projectForTest();
  await project.write(yaml);
  await project.succeed('up', project.file);
  const once = (await project.succeed('watch', project.testnet, '--once')).stdout;
  expect(once).toMatch(new RegExp(`^${project.testnet} .* 4 of 4 healthy`));
  for (const name of ['validator-0', 'validator-3'])
    expect(once).toMatch(new RegExp(`${name} +healthy +1\\.0\\.0 +\\d+`));
  expect(once).toMatch(/^up \S+: passed, .*1 of 1 steps done/m);

  const watching = project.start('watch', project.testnet, '--for', '6');
  await watching.wrote(/validator-1: healthy/);
  await project.crash('validator-1');
  await watching.wrote(/validator-1: (?!healthy).*1\.0\.0|validator-1: (stopped|absent)/);
  const { exitCode, stdout } = await watching.ended;
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain('\u001b');
  // A line for each change, not for each look.
  expect(stdout.split('\n').filter((line) => line.includes('validator-2: healthy')).length).toBeLessThanOrEqual(3);
});

test.skipIf(!hasProgram('script'))(
  'on a terminal watch draws until q is typed, and gives the terminal back (needs script)',
  async () => {
    const project = projectForTest();
    await project.write(yaml);
    await project.succeed('up', project.file);
    const cli = join(import.meta.dirname, '../../src/cli/main.ts');
    const line = `stty rows 30 cols 100; '${process.execPath}' '${cli}' watch ${project.testnet}; echo "left with $?"; stty -a`;
    const terminal = execa('script', ['-qec', line, '/dev/null'], {
      cwd: project.root,
      env: { TERM: 'xterm' },
      timeout: 30_000,
      reject: false,
      buffer: false,
    });
    let text = '';
    for await (const chunk of terminal.iterable({ binary: true, preserveNewlines: true })) {
      text += Buffer.from(chunk).toString();
      if (text.includes('q leaves') && !text.includes('left with')) terminal.stdin.write('q');
    }
    expect(text).toMatch(/4 of 4 healthy/);
    expect(text).toContain('left with 0');
    // The cursor is shown again, and lines are edited by the terminal again.
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'));
    expect(text).toMatch(/[^-]icanon/);
  },
);

test('a testnet that is not up is refused with how to bring it up', async () => {
  const project = projectForTest();
  await project.write(yaml);
  const result = await project.seatrial('watch', project.testnet, '--once');
  expect(result.exitCode).toBe(2);
  expect(result.stderr).toContain(`seatrial up ${project.file}`);
});
