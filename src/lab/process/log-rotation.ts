import { constants } from 'node:fs';
import { copyFile, open, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { isErrno } from '../../core/files.ts';

/** A log file grows to this size before it is rotated; only `KEPT_FILES` of them stay. */
const ROTATE_AT_BYTES = 10 * 1024 * 1024;
const KEPT_FILES = 3;
/** A rotation takes milliseconds; a marker older than this is left over from a command that was killed. */
const STALE_MARKER_MS = 60_000;

/** The log files, newest first: node.log, node.log.1, node.log.2. */
export function logFiles(logDir: string): string[] {
  const newest = join(logDir, 'node.log');
  return Array.from({ length: KEPT_FILES }, (_unused, index) => (index === 0 ? newest : `${newest}.${index}`));
}

/** Before a start nobody holds the file: it is renamed. */
export async function rotateBeforeStart(logDir: string): Promise<void> {
  const [newest] = logFiles(logDir) as [string];
  if ((await sizeOf(newest)) < ROTATE_AT_BYTES) return;
  await shiftOlder(logDir);
  await rename(newest, `${newest}.1`);
}

/**
 * A running node keeps its file open, so whoever observes it copies the file and truncates it; the node writes in append mode and
 * goes on at the start. Lines written within the few microseconds between the two are lost. A log that nobody observes grows until
 * the next observation or start.
 */
export async function rotateWhileRunning(logDir: string, clock: Clock): Promise<void> {
  const [newest] = logFiles(logDir) as [string];
  if ((await sizeOf(newest)) < ROTATE_AT_BYTES) return;
  const marker = join(logDir, '.rotating');
  if (!(await takeMarker(marker, clock))) return;
  try {
    if ((await sizeOf(newest)) < ROTATE_AT_BYTES) return;
    const copy = join(logDir, '.copy');
    await copyFile(newest, copy, constants.COPYFILE_FICLONE);
    await shiftOlder(logDir);
    await appendRest(newest, copy);
    await truncate(newest, 0);
    await rename(copy, `${newest}.1`);
  } finally {
    await rm(marker, { force: true });
  }
}

/** Moves what was written since the copy was made. */
async function appendRest(from: string, to: string): Promise<void> {
  const source = await open(from, 'r');
  const target = await open(to, 'a');
  try {
    const copiedBytes = (await target.stat()).size;
    const rest = Buffer.alloc(Math.max(0, (await source.stat()).size - copiedBytes));
    const { bytesRead } = await source.read(rest, 0, rest.length, copiedBytes);
    await target.write(rest, 0, bytesRead);
  } finally {
    await source.close();
    await target.close();
  }
}

async function shiftOlder(logDir: string): Promise<void> {
  const files = logFiles(logDir);
  for (let index = files.length - 1; index >= 2; index--) {
    await rename(files[index - 1] as string, files[index] as string).catch(ignoreMissing);
  }
}

/** Only one of several commands rotates. */
async function takeMarker(marker: string, clock: Clock): Promise<boolean> {
  try {
    await (await open(marker, 'wx')).close();
    return true;
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const madeAtMs = (await stat(marker).catch(() => undefined))?.mtimeMs;
    if (madeAtMs !== undefined && clock.wallMs() - madeAtMs > STALE_MARKER_MS) await rm(marker, { force: true });
    return false;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    ignoreMissing(error);
    return 0;
  }
}

function ignoreMissing(error: unknown): void {
  if (!isErrno(error, 'ENOENT')) throw error;
}
