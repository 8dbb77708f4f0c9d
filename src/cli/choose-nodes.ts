import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';

/** Those of these that are named, in their own order; all when none is. Throws UsageError for a name that there is not. */
export function chooseNamed<T extends { name: string }>(all: readonly T[], names: readonly string[] = []): T[] {
  const known = all.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no node ${unknown}${didYouMean(unknown, known)}`);
  return all.filter(({ name }) => names.length === 0 || names.includes(name));
}
