import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from './config.ts';
import { replaceFile } from './disk-file.ts';
import type { Log } from './log.ts';

/** What a data folder says of itself; a folder from before there was this file has format 1. */
interface DataMark {
  readonly format: number;
  /** Version of the program that ran on it last. */
  readonly writtenBy: string | null;
}

interface Program {
  readonly version: string;
  /** The format it writes; it reads this one and all before. */
  readonly format: number;
  /** Refuses what another version has written; false in a clean release. */
  readonly refusesOldData: boolean;
}

/**
 * Checks that this program may use the data, and marks the folder as its own; an older format is brought forward, from where an older
 * program no longer reads it. The records themselves are the same in every format so far. Throws {@link ConfigError}, the data untouched.
 */
export function claimData(folder: string, { version, format, refusesOldData }: Program, log: Log): void {
  const path = join(folder, 'format.json');
  const mark = readMark(path);
  if (mark.format > format) {
    throw new ConfigError(`the data in ${folder} has format ${mark.format}; ${version} reads formats up to ${format}`);
  }
  if (refusesOldData && hasData(folder) && mark.writtenBy !== version) {
    throw new ConfigError(
      `the data in ${folder} was written by ${mark.writtenBy ?? 'an older version'}; ${version} does not read it`,
    );
  }
  if (mark.format < format && hasData(folder)) log('info', 'data migrated', { from: mark.format, to: format });
  if (mark.format !== format || mark.writtenBy !== version) {
    replaceFile(path, Buffer.from(`${JSON.stringify({ format, writtenBy: version })}\n`));
  }
}

function hasData(folder: string): boolean {
  const blocks = join(folder, 'blocks.log');
  return existsSync(blocks) && statSync(blocks).size > 0;
}

function readMark(path: string): DataMark {
  if (!existsSync(path)) return { format: 1, writtenBy: null };
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    value = null;
  }
  const { format, writtenBy } = (value ?? {}) as Partial<Record<keyof DataMark, unknown>>;
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1)
    throw new ConfigError(`${path} does not say which format the data has`);
  return { format, writtenBy: typeof writtenBy === 'string' ? writtenBy : null };
}
