import { open, type FileHandle } from 'node:fs/promises';
import { isErrno } from '../../core/files.ts';
import type { LogLine } from '../lab.ts';
import { sinceFilter } from '../since-filter.ts';
import { logFiles } from './log-rotation.ts';

const BLOCK_BYTES = 64 * 1024;
/** Numbers below this are taken as seconds since the epoch, others as milliseconds. */
const SECONDS_LIMIT = 1e11;

interface TailOptions {
  tail: number;
  sinceMs?: number | undefined;
}

/** The newest lines, oldest first, read backwards from the end over the rotated files as if they were one. */
export async function tailLog(node: string, logDir: string, options: TailOptions): Promise<LogLine[]> {
  if (options.tail <= 0) return [];
  const text = await readBackwards(logDir, options.tail);
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const newest = lines.slice(-options.tail).map((line) => toLogLine(node, line));
  return newest.filter(sinceFilter(options.sinceMs));
}

/** Text that holds at least `lines` whole lines, or everything there is. A first line that is cut is left out. */
async function readBackwards(logDir: string, lines: number): Promise<string> {
  const blocks: Buffer[] = [];
  let newlines = 0;
  for (const path of logFiles(logDir)) {
    const file = await openIfThere(path);
    if (!file) continue;
    try {
      let end = (await file.stat()).size;
      while (end > 0 && newlines <= lines) {
        const start = Math.max(0, end - BLOCK_BYTES);
        const block = Buffer.alloc(end - start);
        const { bytesRead } = await file.read(block, 0, block.length, start);
        const part = block.subarray(0, bytesRead);
        blocks.unshift(part);
        newlines += countNewlines(part);
        end = start;
      }
    } finally {
      await file.close();
    }
    if (newlines > lines) break;
  }
  return Buffer.concat(blocks).toString('utf8');
}

function countNewlines(block: Buffer): number {
  let count = 0;
  for (let at = block.indexOf(10); at >= 0; at = block.indexOf(10, at + 1)) count++;
  return count;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A line with its time, where it tells one. */
export function toLogLine(node: string, text: string): LogLine {
  const atMs = timeOf(text);
  return atMs === undefined ? { node, text } : { node, atMs, text };
}

/** The `ts` of a JSON log line: a number of ms or seconds, or an ISO date. */
function timeOf(text: string): number | undefined {
  if (!text.startsWith('{')) return undefined;
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    return undefined;
  }
  const ts: unknown = entry !== null && typeof entry === 'object' && 'ts' in entry ? entry.ts : undefined;
  const atMs =
    typeof ts === 'number' ? (ts < SECONDS_LIMIT ? ts * 1000 : ts) : typeof ts === 'string' ? Date.parse(ts) : NaN;
  return Number.isFinite(atMs) ? atMs : undefined;
}
