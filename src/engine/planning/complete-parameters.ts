import { UsageError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import type { Runbook } from '../runbook.ts';

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
