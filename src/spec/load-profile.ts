import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SpecError, type SourcePosition } from '../core/errors.ts';
import type { SystemProfile } from './profile.ts';

/** Loads systems/<name>/profile.ts. An unknown system is the author's error, told with the nearest one that exists. */
export async function loadProfile(root: string, name: string, position?: SourcePosition): Promise<SystemProfile> {
  const folder = join(root, 'systems');
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const known = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  if (!known.includes(name)) {
    const { didYouMean } = await import('../core/nearest.ts');
    throw new SpecError([
      { message: `unknown system ${name}${didYouMean(name, known)}`, ...(position && { position }) },
    ]);
  }
  const module = (await import(pathToFileURL(join(folder, name, 'profile.ts')).href)) as { default?: SystemProfile };
  if (!module.default) throw new SpecError([{ message: `systems/${name}/profile.ts has no default export` }]);
  return module.default;
}
