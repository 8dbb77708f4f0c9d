import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderSchedule, type RenderInputs } from '../../../src/schedule/render-schedule.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const inputs: RenderInputs = {
  root: '/srv/our nets/100% $HOME',
  schedule: {
    testnet: 'local',
    runbook: 'slo-watch',
    every: '0 3 13 * fri',
    form: 'systemd',
    isSystemUnit: false,
    parameters: { for: '1h', note: `50% of "it's" \\ $x` },
    gate: 'smoke',
  },
  folder: '/srv/our nets/100% $HOME/.seatrial/schedules',
  program: [process.execPath, '/opt/sea trial/bin/seatrial.js'],
  user: 'ops',
};

/** Its name has what systemd and cron take for something else. */
async function awkwardFolder(): Promise<string> {
  const folder = join(await temporaryFolder(), "it's 100% $HOME");
  await mkdir(folder);
  return folder;
}

test('the units hold every word as it is, the times, and what makes up for a missed one', () => {
  const { files, enable, disable } = renderSchedule(inputs);
  const [service = '', timer = ''] = files.map(({ content }) => content);
  expect(service).toContain('WorkingDirectory=/srv/our nets/100%% $HOME\n');
  expect(service).toContain(
    String.raw`ExecStart=:"${process.execPath}" "/opt/sea trial/bin/seatrial.js" "run" "slo-watch" "local" "--set" "for=1h" "--set" "note=50%% of \"it's\" \\ $x" "--gate" "smoke"`,
  );
  expect(service).toContain('KillMode=process\n');
  expect(service).not.toContain('User=');
  expect(timer).toContain('OnCalendar=*-*-13 03:00:00\nOnCalendar=Fri *-*-* 03:00:00\n');
  expect(timer).toContain('Persistent=true\n');
  expect(enable).toEqual([
    `systemctl --user link '/srv/our nets/100% $HOME/.seatrial/schedules/seatrial-local.slo-watch.service'`,
    `systemctl --user enable --now '/srv/our nets/100% $HOME/.seatrial/schedules/seatrial-local.slo-watch.timer'`,
    'loginctl enable-linger',
  ]);
  expect(disable[0]).toBe('systemctl --user stop seatrial-local.slo-watch.timer');
});

test('a unit of the system runs as the user', () => {
  const { files, enable } = renderSchedule({ ...inputs, schedule: { ...inputs.schedule, isSystemUnit: true } });
  expect(files[0]?.content).toContain('\nUser=ops\n');
  expect(enable.every((command) => command.startsWith('sudo systemctl '))).toBe(true);
});

test.skipIf(!hasSystemd)('systemd-analyze is there: verify has nothing to say of the units', async () => {
  const folder = await awkwardFolder();
  const { files } = renderSchedule({ ...inputs, folder });
  for (const { path, content } of files) await writeFile(path, content);
  const paths = files.map(({ path }) => path);
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8' });
  expect(stderr).not.toMatch(/seatrial|Unknown|Invalid|Failed to parse/i);
  expect(status).toBe(0);
  // The same check does find what is wrong.
  await writeFile(join(folder, 'seatrial-wrong.service'), (files[0]?.content ?? '').replace(':"', ':"/nowhere'));
  const wrong = spawnSync('systemd-analyze', ['verify', join(folder, 'seatrial-wrong.service')], { encoding: 'utf8' });
  expect(wrong.stderr).toMatch(/nowhere/);
});

test('the line of cron gives sh every word as it is', async () => {
  const folder = await awkwardFolder();
  // Prints where it is and what it was called with.
  await writeFile(join(folder, 'tell.js'), 'console.log(JSON.stringify([process.cwd(), process.argv.slice(2)]))');
  const cron = { ...inputs, root: folder, program: [process.execPath, join(folder, 'tell.js')] as const };
  const { files } = renderSchedule({ ...cron, schedule: { ...inputs.schedule, form: 'cron' } });
  const [heading = '', line = ''] = (files[0]?.content ?? '').split('\n');
  expect(heading).toMatch(/^# seatrial-local\.slo-watch@[0-9a-f]{8}:/);
  expect(line).toMatch(/^0 3 13 \* fri cd /);
  // cron ends the command at a % that has no backslash before it, and takes the backslash away from one that has.
  const command = line.split(' ').slice(5).join(' ');
  expect(command).not.toMatch(/(?<!\\)%/);
  const { stdout, status } = spawnSync('sh', ['-c', command.replaceAll(String.raw`\%`, '%')], { encoding: 'utf8' });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    folder,
    ['run', 'slo-watch', 'local', '--set', 'for=1h', '--set', `note=50% of "it's" \\ $x`, '--gate', 'smoke'],
  ]);
});

test.each([
  ['a line break', { note: 'a\nb' }, 'control character'],
  ['more than cron takes', { note: 'x'.repeat(1000) }, 'use --as systemd'],
])('%s is refused', (_what, parameters, message) => {
  const schedule = { ...inputs.schedule, form: 'cron' as const, parameters };
  expect(() => renderSchedule({ ...inputs, schedule })).toThrow(message);
});
