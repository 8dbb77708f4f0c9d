import { spawnSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { acquireLock } from '../../src/engine/lock.ts';
import { useProject } from '../helpers/project.ts';

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const systems = join(import.meta.dirname, '../fixtures/systems');
// A % ends a command of cron and begins a specifier of systemd; a space parts words for both.
const project = useProject({ systems, folder: 'seatrial 100% ' });
const { testnet } = project;
const context = join(systems, 'tiny');
const folder = join(project.root, '.seatrial/schedules');
const fileOf = (ending: string): string => join(folder, `seatrial-${testnet}.rolling-upgrade.${ending}`);
const upgrade = ['rolling-upgrade', testnet, '--set', 'version=2.0.0'];

beforeAll(async () => {
  await project.write(`system: tiny
lab: process
version: 1.0.0
releases:
  1.0.0: { build: { context: ${context}, args: { version: 1.0.0 } } }
  2.0.0: { build: { context: ${context}, args: { version: 2.0.0 } } }
nodes: { service: { flags: { greeting: hi } } }
gate: smoke
`);
});

interface Listed {
  schedules: { runbook: string; state: string; last: { outcome: string } | null; problem?: string }[];
}

async function list(): Promise<[number | undefined, Listed['schedules']]> {
  const { exitCode, stdout } = await project.seatrial('schedules', '--json');
  return [exitCode, (JSON.parse(stdout) as Listed).schedules];
}

/** What cron would hand to sh. */
async function cronCommand(): Promise<string> {
  const line = (await readFile(fileOf('cron'), 'utf8')).split('\n')[1] ?? '';
  return line
    .split(' ')
    .slice(5)
    .join(' ')
    .replaceAll(String.raw`\%`, '%');
}

test('nothing is scheduled on what is not up; after it is, units are written that systemd takes', async () => {
  const early = await project.seatrial('schedule', ...upgrade, '--every', 'daily');
  expect(early.stderr).toMatch(/is not up; bring it up/);
  expect(early.exitCode).toBe(2);
  expect((await list())[1]).toEqual([]);

  await project.succeed('up', project.file);
  const { stdout } = await project.succeed('schedule', ...upgrade, '--every', 'quarterly', '--gate', 'smoke');
  expect(stdout).toContain(`wrote ${fileOf('service')}\nwrote ${fileOf('timer')}`);
  expect(stdout).toContain(`systemctl --user enable --now '${fileOf('timer')}'`);
  expect(stdout).toMatch(/0 3 1 1,4,7,10 \*, local time .*; first \d{4}-\d\d-01 03:00:00 [+-]\d\d:\d\d$/m);
  if (hasSystemd) {
    const { stderr } = spawnSync('systemd-analyze', ['verify', fileOf('service'), fileOf('timer')], {
      encoding: 'utf8',
    });
    expect(stderr).not.toContain('seatrial-');
  } else console.warn('systemd-analyze is not here: the units were not verified');
  expect(await list()).toMatchObject([0, [{ runbook: 'rolling-upgrade', state: 'waiting', last: null }]]);
});

test.each([
  ['a runbook', ['rolling-upgrad', testnet, '--every', 'daily'], 'did you mean rolling-upgrade?'],
  ['a testnet', ['rolling-upgrade', `${testnet}x`, '--every', 'daily'], `did you mean ${testnet}?`],
  ['a parameter', [...upgrade, '--set', 'sok=1m', '--every', 'daily'], 'did you mean soak?'],
  ['a value', ['rolling-upgrade', testnet, '--set', 'version=2.0.1', '--every', 'daily'], 'did you mean 2.0.0?'],
  ['a time', [...upgrade, '--every', 'dayly'], 'did you mean daily?'],
  ['no time', upgrade, '--every says when'],
  ['the other form while it is scheduled', [...upgrade, '--every', 'daily', '--as', 'cron'], '--remove'],
])('wrong: %s; nothing is written', async (_what, args, message) => {
  const before = await readFile(fileOf('timer'), 'utf8');
  const { exitCode, stderr } = await project.seatrial('schedule', ...args);
  expect(stderr).toContain(message);
  expect(exitCode).toBe(2);
  expect(await readFile(fileOf('timer'), 'utf8')).toBe(before);
});

test('remove takes its own files away, and leaves one that somebody else put there', async () => {
  await writeFile(fileOf('timer'), '[Timer]\n');
  expect(await list()).toMatchObject([
    1,
    [{ state: 'broken', problem: expect.stringContaining('replaced') as string }],
  ]);
  const again = await project.seatrial('schedule', ...upgrade, '--every', 'daily');
  expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining('was not written for this schedule')]);
  const { stdout, stderr } = await project.succeed('schedule', 'rolling-upgrade', testnet, '--remove');
  expect(stdout).toContain(`removed ${fileOf('service')}`);
  expect(stdout).toContain('systemctl --user disable');
  expect(stderr).toContain('left as it is');
  expect(await readFile(fileOf('timer'), 'utf8')).toBe('[Timer]\n');
  await rm(fileOf('timer'));
  const gone = await project.seatrial('schedule', 'rolling-upgrade', testnet, '--remove');
  expect([gone.exitCode, gone.stderr]).toEqual([2, expect.stringContaining('is not scheduled')]);
});

test('the line of cron runs the runbook; while another command has the lock it fails and says so', async () => {
  await project.succeed('schedule', ...upgrade, '--every', 'hourly', '--as', 'cron');
  // As if it had been written long ago.
  const record = join(folder, `${testnet}.rolling-upgrade.schedule.json`);
  const written = JSON.parse(await readFile(record, 'utf8')) as object;
  await writeFile(record, JSON.stringify({ ...written, since: '2026-01-01T00:00:00.000Z' }));
  expect(await list()).toMatchObject([1, [{ state: 'overdue', last: null }]]);
  expect((await project.seatrial('schedules')).stdout).toMatch(/hourly +cron +never .* OVERDUE/);

  // cron gives no more than this.
  const options = {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', HOME: project.root },
    extendEnv: false,
    reject: false,
  } as const;
  const lock = await acquireLock(project.stateDir, 'a test', new Date().toISOString());
  const locked = await execa('sh', ['-c', await cronCommand()], options);
  await lock.release();
  expect(locked.stderr).toMatch(/another command is changing this testnet: a test/);
  expect(locked.exitCode).toBe(2);
  expect((await list())[0]).toBe(1);

  const run = await execa('sh', ['-c', await cronCommand()], options);
  expect(run.stdout).toMatch(/gate service-1: PASS/);
  expect(run.exitCode).toBe(0);
  expect((await project.status()).map(({ version }) => version)).toEqual(['2.0.0', '2.0.0']);
  expect(await list()).toMatchObject([0, [{ state: 'waiting', last: { outcome: 'passed' } }]]);
});
