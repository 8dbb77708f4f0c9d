import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { Runbook } from './runbook.ts';

/** Loads runbooks/<name>.ts. Throws UsageError naming the nearest runbook when there is none. */
export async function loadRunbook(root: string, name: string): Promise<Runbook> {
  const folder = join(root, 'runbooks');
  const files = await readdir(folder).catch(() => []);
  const known = files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
  if (!known.includes(name)) throw new UsageError(`there is no runbook ${name}${didYouMean(name, known)}`);
  const module = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as { default?: Runbook };
  if (!module.default) throw new UsageError(`runbooks/${name}.ts has no default export`);
  return module.default;
}
