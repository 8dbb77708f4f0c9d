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

/** Fills in defaults. Throws UsageError for a parameter that is unknown, missing or not one of the valid values. */
export function completeParameters(runbook: Runbook, given: Readonly<Record<string, string>>): Record<string, string> {
  const specs = runbook.parameters;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(specs, name))
      throw new UsageError(`${runbook.name} has no parameter ${name}${didYouMean(name, Object.keys(specs))}`);
  }
  const complete: Record<string, string> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const value = given[name] ?? spec.default;
    if (value === undefined) throw new UsageError(`${runbook.name} needs --set ${name}=…: ${spec.description}`);
    if (spec.values && !spec.values.includes(value)) {
      throw new UsageError(`${name} cannot be ${value}${didYouMean(value, spec.values)}`);
    }
    complete[name] = value;
  }
  return complete;
}
