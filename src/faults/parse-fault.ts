import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { durationOf } from '../core/parameters.ts';
import { catalogue } from './catalogue.ts';
import { faultKinds, type FaultKind, type FaultSpec } from './fault-spec.ts';
import { namesIn, parameterValues } from './parameter-values.ts';

/** A fault as it is typed. */
interface TypedFault {
  kind: string;
  /** Names set apart by commas, as in `validator-0,validator-1`. Default: none. */
  targets?: string | undefined;
  /** As in `delay=200ms`. Default: none. */
  set?: readonly string[];
  /** As in `60s`. Needed by every kind but `restart`, which is over at once and takes none. */
  for?: string | undefined;
}

/** Reads a fault as a person types it. Whether the nodes exist, and whether it is safe, `compileFault` says. Throws UsageError. */
export function parseFault(typed: TypedFault): FaultSpec {
  const kind = requireKind(typed.kind);
  const targets = typed.targets === undefined || typed.targets === '' ? [] : namesIn(typed.targets, 'the targets');
  const parameters: Record<string, string> = {};
  for (const one of typed.set ?? []) {
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(one) ?? [];
    if (!name || !value) throw new UsageError(`"${one}" is no parameter: it is name=value, as in delay=200ms`);
    if (Object.hasOwn(parameters, name))
      throw new UsageError(`${name} is given twice: ${parameters[name]} and ${value}`);
    parameters[name] = value;
  }
  const spec = { kind, targets, parameters, durationMs: durationFor(kind, typed.for) };
  checkFaultSpec(spec);
  return spec;
}

/** The same checks for a fault that was not typed but written in a runbook. */
export function checkFaultSpec(spec: FaultSpec): void {
  requireKind(spec.kind);
  parameterValues(spec);
  const { least, most } = catalogue[spec.kind].targets;
  const count = spec.targets.length;
  if (count > most) throw new UsageError(`${spec.kind} is not aimed at nodes, but ${spec.targets.join(', ')} is given`);
  if (count < least) throw new UsageError(`${spec.kind} needs nodes to be aimed at, as in validator-0,validator-1`);
  const twice = spec.targets.find((name, index) => spec.targets.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice as a target of ${spec.kind}`);
  if (!Number.isFinite(spec.durationMs) || spec.durationMs < 0 || (spec.durationMs === 0 && spec.kind !== 'restart')) {
    throw new UsageError(`the duration of ${spec.kind} cannot be ${spec.durationMs} ms`);
  }
}

function requireKind(kind: string): FaultKind {
  const found = faultKinds.find((one) => one === kind);
  if (found === undefined) throw new UsageError(`there is no fault "${kind}"${didYouMean(kind, faultKinds)}`);
  return found;
}

function durationFor(kind: FaultKind, text: string | undefined): number {
  if (kind === 'restart') {
    if (text === undefined) return 0;
    throw new UsageError(
      `restart is over at once and takes no duration, but ${text} is given; kill or term with --for ${text} keep a node down for that long`,
    );
  }
  if (text !== undefined) return durationOf(text, 'the duration');
  throw new UsageError(`${kind} needs a duration, as in --for 60s`);
}
