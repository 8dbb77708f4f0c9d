import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';

/** The project: the nearest folder, here or above, with stacks/ and systems/ in it. */
export function findRoot(from: string = process.cwd()): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'stacks')) && existsSync(join(folder, 'systems'))) return folder;
    if (folder === dirname(folder)) {
      throw new UsageError(
        `${resolve(from)} is not in a Seatrial project: no folder here or above has stacks/ and systems/`,
      );
    }
  }
}

/** Where a testnet named on the command line is described: a file's path, or the name of a file in stacks/. */
export interface TestnetReference {
  root: string;
  name: string;
  /** Absent when only a name was given. */
  file?: string;
}

export function resolveReference(reference: string): TestnetReference {
  if (!/\.ya?ml$/.test(reference)) return { root: findRoot(), name: reference };
  const file = resolve(reference);
  return { root: findRoot(dirname(file)), name: basename(file).replace(/\.ya?ml$/, ''), file };
}
