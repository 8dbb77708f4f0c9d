import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../core/clock.ts';
import { RefusedError, UsageError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { parseCalendar, nextTime } from '../../schedule/calendar.ts';
import { removeOwned, writeOwned } from '../../schedule/owned-files.ts';
import { renderSchedule, type RenderedSchedule } from '../../schedule/render-schedule.ts';
import {
  forgetSchedule,
  readSchedule,
  readSchedules,
  scheduleFolder,
  scheduleMark,
  writeSchedule,
  type Schedule,
} from '../../schedule/schedule.ts';
import { localTime, print, printJson } from '../output.ts';
import { resolveReference } from '../root.ts';
import { parseParameters, planned, type RunOptions } from './run.ts';

export interface ScheduleOptions extends RunOptions {
  every?: string;
  as: Schedule['form'];
  system?: boolean;
  write?: string;
  remove?: boolean;
}

/** `seatrial schedule <runbook> <testnet>`: whatever `run` would refuse now is refused. */
export async function schedule(runbook: string, testnet: string, options: ScheduleOptions): Promise<void> {
  const { root, name } = resolveReference(testnet);
  if (options.remove) {
    await remove(root, name, runbook, options);
    return;
  }
  if (options.every === undefined) throw new UsageError('--every says when: daily, weekly, quarterly, …');
  if (options.system && options.as === 'cron') throw new UsageError('--system is for systemd; cron has no units');
  const calendar = parseCalendar(options.every);
  await planned(runbook, testnet, options);
  const wanted = {
    testnet: name,
    runbook,
    every: options.every,
    form: options.as,
    isSystemUnit: options.system ?? false,
    parameters: parseParameters(options.set),
    ...(options.gate !== undefined && { gate: options.gate }),
  };
  const folder = resolve(options.write ?? scheduleFolder(root));
  const rendered = render(root, wanted, folder);
  const paths = rendered.files.map(({ path }) => path);
  const before = await readSchedule(root, name, runbook);
  const isElsewhere = before && (before.isSystemUnit !== wanted.isSystemUnit || String(before.files) !== String(paths));
  if (isElsewhere) {
    throw new RefusedError(
      'drift',
      `${runbook} on ${name} is scheduled already, by ${before.files.join(' and ')}; first: seatrial schedule ${runbook} ${name} --remove`,
    );
  }
  const now = new Date(systemClock.wallMs());
  const since = before?.every === wanted.every ? before.since : now.toISOString();
  const written: Schedule = { ...wanted, since, files: paths };
  await writeOwned(rendered.files, scheduleMark(root, name, runbook));
  await writeSchedule(root, written);
  const next = nextTime(calendar, now);
  if (options.json) {
    printJson({ ...written, timeZone: timeZone(), next: next?.toISOString() ?? null, enable: rendered.enable });
    return;
  }
  for (const path of paths) print(`wrote ${path}`);
  print(
    `${runbook} on ${name}: ${calendar.expression}, local time (${timeZone()} now); first ${next ? localTime(next) : 'never'}`,
  );
  if (wanted.form === 'cron')
    print('cron leaves out what falls into a time when the machine is off; `seatrial schedules` shows it as overdue');
  print('nothing runs before it is enabled:');
  for (const command of rendered.enable) print(`  ${command}`);
}

async function remove(root: string, testnet: string, runbook: string, { json }: ScheduleOptions): Promise<void> {
  const found = await readSchedule(root, testnet, runbook);
  if (!found) {
    const known = (await readSchedules(root)).map((one) => `${one.runbook} ${one.testnet}`);
    throw new UsageError(`${runbook} is not scheduled on ${testnet}${didYouMean(`${runbook} ${testnet}`, known)}`);
  }
  const mark = scheduleMark(root, testnet, runbook);
  const removed: string[] = [];
  for (const path of found.files) {
    const owner = await removeOwned(path, mark);
    if (owner === 'ours') removed.push(path);
    if (owner === 'foreign') process.stderr.write(`${path} was replaced by somebody else and is left as it is\n`);
  }
  await forgetSchedule(root, found);
  const { disable } = render(root, found, scheduleFolder(root));
  if (json) {
    printJson({ testnet, runbook, removed, disable });
    return;
  }
  for (const path of removed) print(`removed ${path}`);
  print('if it was enabled:');
  for (const command of disable) print(`  ${command}`);
}

function render(root: string, wanted: Omit<Schedule, 'files' | 'since'>, folder: string): RenderedSchedule {
  const main = fileURLToPath(new URL('../../../bin/seatrial.js', import.meta.url));
  const program = [process.execPath, main] as const;
  return renderSchedule({ root, schedule: wanted, folder, program, user: userInfo().username });
}

function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
