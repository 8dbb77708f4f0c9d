import { open, stat, type FileHandle } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import { abortedError } from '../../core/clock.ts';
import { isErrno } from '../../core/files.ts';
import { LineSplitter } from '../line-splitter.ts';
import type { LogLine, LogStreamOptions } from '../lab.ts';
import { sinceFilter } from '../since-filter.ts';
import { logFiles } from './log-rotation.ts';
import { tailLog, toLogLine } from './log-tail.ts';

const BLOCK_BYTES = 64 * 1024;
/** How often a followed file is looked at, in ms. */
const POLL_MS = 200;

interface StreamOptions extends LogStreamOptions {
  clock: Clock;
}

/** The lines of a node's log files, the oldest file first, as if they were one; see `Lab.streamLogs`. */
export async function* streamLog(node: string, logDir: string, options: StreamOptions): AsyncGenerator<LogLine> {
  const { tail, sinceMs, follow } = options;
  if (tail !== undefined && !follow) {
    yield* await tailLog(node, logDir, { tail, sinceMs });
    return;
  }
  const isSince = sinceFilter(sinceMs);
  const splitter = new LineSplitter();
  /** The newest lines of what was there, until all of it was read. */
  let newest: string[] | undefined = tail === undefined ? undefined : [];
  for await (const chunk of chunksOf(logDir, options)) {
    const lines = chunk === 'all-read' ? [] : splitter.push(chunk);
    if (newest) {
      newest.push(...lines);
      if (newest.length > 2 * (tail ?? 0)) newest = tail === 0 ? [] : newest.slice(-(tail ?? 0));
      if (chunk !== 'all-read') continue;
      lines.push(...(tail === 0 ? [] : newest.slice(-(tail ?? 0))));
      newest = undefined;
    }
    for (const text of lines) {
      const line = toLogLine(node, text);
      if (isSince(line)) yield line;
    }
  }
  const last = splitter.end();
  if (last === undefined) return;
  const line = toLogLine(node, last);
  if (isSince(line)) yield line;
}

/** The bytes of all files, then `all-read`, then, when followed, what is added. */
async function* chunksOf(
  logDir: string,
  { follow, sinceMs, clock, signal }: StreamOptions,
): AsyncGenerator<Buffer | 'all-read'> {
  const [newest = '', ...older] = logFiles(logDir);
  // All are opened at once: a rotation that comes while the first is read takes nothing away.
  const handles = await Promise.all(older.reverse().map(openIfThere));
  let known = await facts(newest);
  try {
    for (const handle of handles) {
      if (!handle || (await handle.stat()).mtimeMs < (sinceMs ?? 0)) continue;
      yield* read(handle, 0, signal);
    }
  } finally {
    for (const handle of handles) await handle?.close();
  }
  let offset = 0;
  for (let isFirst = true; isFirst || follow; isFirst = false) {
    if (!isFirst) await clock.sleep(POLL_MS, signal);
    const now = await facts(newest);
    // It was rotated meanwhile, by a copy or by a new name: what was not read yet is in the next older file.
    const wasRotated =
      now.sizeBytes < Math.max(offset, known.sizeBytes) || (known.inode !== 0 && now.inode !== known.inode);
    if (wasRotated) {
      yield* readFile(`${newest}.1`, offset, signal);
      offset = 0;
    }
    for await (const chunk of readFile(newest, offset, signal)) {
      offset += chunk.length;
      yield chunk;
    }
    known = { inode: now.inode, sizeBytes: offset };
    if (isFirst) yield 'all-read';
  }
}

async function* readFile(path: string, offset: number, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const handle = await openIfThere(path);
  try {
    if (handle) yield* read(handle, offset, signal);
  } finally {
    await handle?.close();
  }
}

async function* read(handle: FileHandle, offset: number, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  for (let at = offset; ;) {
    if (signal?.aborted) throw abortedError(signal);
    const block = Buffer.alloc(BLOCK_BYTES);
    const { bytesRead } = await handle.read(block, 0, BLOCK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield block.subarray(0, bytesRead);
  }
}

async function facts(path: string): Promise<{ inode: number; sizeBytes: number }> {
  try {
    const { ino, size } = await stat(path);
    return { inode: ino, sizeBytes: size };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { inode: 0, sizeBytes: 0 };
    throw error;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
