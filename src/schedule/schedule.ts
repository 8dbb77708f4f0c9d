import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, readJsonFile, writeFileAtomic } from '../core/files.ts';

/** A runbook that something outside starts at its times. There is one at most for each runbook and testnet. */
export interface Schedule {
  testnet: string;
  runbook: string;
  /** As it was asked for: a name, or five fields of cron. */
  every: string;
  form: 'systemd' | 'cron';
  /** A unit of the system, not of the user. */
  isSystemUnit: boolean;
  parameters: Record<string, string>;
  gate?: string;
  /** Since when it is scheduled so, ISO 8601. */
  since: string;
  /** What was written, absolute. */
  files: string[];
}

/** Where schedules are kept; the units, too, unless somebody wants them elsewhere. */
export const scheduleFolder = (root: string): string => join(root, '.seatrial', 'schedules');

const suffix = '.schedule.json';
const recordFile = (root: string, testnet: string, runbook: string): string =>
  join(scheduleFolder(root), `${testnet}.${runbook}${suffix}`);

/** What units are called; a point is in no name of a testnet. */
export const unitName = (testnet: string, runbook: string): string => `seatrial-${testnet}.${runbook}`;

/** What marks a file, or a line, as this project's schedule of this runbook. */
export function scheduleMark(root: string, testnet: string, runbook: string): string {
  const project = createHash('sha256').update(root).digest('hex').slice(0, 8);
  return `${unitName(testnet, runbook)}@${project}`;
}

/** All schedules of a project, by testnet and runbook. */
export async function readSchedules(root: string): Promise<Schedule[]> {
  const folder = scheduleFolder(root);
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const found = await Promise.all(
    names
      .filter((name) => name.endsWith(suffix))
      .sort()
      .map((name) => readJsonFile<Schedule>(join(folder, name))),
  );
  return found.filter((schedule) => schedule !== undefined);
}

export function readSchedule(root: string, testnet: string, runbook: string): Promise<Schedule | undefined> {
  return readJsonFile<Schedule>(recordFile(root, testnet, runbook));
}

export async function writeSchedule(root: string, schedule: Schedule): Promise<void> {
  const file = recordFile(root, schedule.testnet, schedule.runbook);
  await writeFileAtomic(file, `${JSON.stringify(schedule, null, 2)}\n`);
}

export async function forgetSchedule(root: string, { testnet, runbook }: Schedule): Promise<void> {
  await rm(recordFile(root, testnet, runbook), { force: true });
}
