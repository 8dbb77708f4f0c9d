import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { durationOf } from '../core/parameters.ts';
import { catalogue, type ParameterEntry } from './catalogue.ts';
import type { FaultSpec } from './fault-spec.ts';

/** Parameters of one fault, read: durations and offsets in ms, shares from 0 to 1, rates in bits a second, sizes in bytes. */
export interface ParameterValues {
  number(name: string): number | undefined;
  text(name: string): string | undefined;
  names(name: string): string[] | undefined;
}

/** Reads all parameters of a fault, defaults included. Throws UsageError naming the first that is unknown, missing or out of bounds. */
export function parameterValues({ kind, parameters }: Pick<FaultSpec, 'kind' | 'parameters'>): ParameterValues {
  const entries = catalogue[kind].parameters;
  for (const name of Object.keys(parameters)) {
    if (Object.hasOwn(entries, name)) continue;
    const valid = Object.keys(entries);
    const instead = valid.length === 0 ? '; it has none' : didYouMean(name, valid);
    throw new UsageError(`${kind} has no parameter "${name}"${instead}`);
  }
  const values = new Map<string, number | string | string[]>();
  for (const [name, entry] of Object.entries(entries)) {
    const text = parameters[name] ?? entry.default;
    if (text !== undefined) values.set(name, read(text, `${name} of ${kind}`, entry));
    else if (entry.isRequired) throw new UsageError(`${kind} needs ${name}=…: ${entry.about}${choicesOf(entry)}`);
  }
  const get = <T>(name: string, isWanted: (value: unknown) => value is T): T | undefined => {
    const value = values.get(name);
    return isWanted(value) ? value : undefined;
  };
  return {
    number: (name) => get(name, (value) => typeof value === 'number'),
    text: (name) => get(name, (value) => typeof value === 'string'),
    names: (name) => get(name, (value): value is string[] => Array.isArray(value)),
  };
}

function choicesOf({ choices }: ParameterEntry): string {
  return choices ? ` (${choices.join(', ')})` : '';
}

function read(text: string, name: string, entry: ParameterEntry): number | string | string[] {
  const refuse = (why: string): never => {
    throw new UsageError(`${name} cannot be "${text}": ${why}`);
  };
  const bounded = (value: number): number => {
    const { least = -Infinity, most = Infinity } = entry;
    const size = Math.abs(value);
    if (size < least) refuse(`it is at least ${shown(least, entry)}`);
    if (size > most) refuse(`it is at most ${shown(most, entry)}`);
    return value;
  };
  switch (entry.type) {
    case 'duration':
      return bounded(durationOf(text, name));
    case 'offset': {
      const [, sign = '', rest = ''] = /^([+-]?)(.*)$/.exec(text.trim()) ?? [];
      return bounded((sign === '-' ? -1 : 1) * durationOf(rest, name));
    }
    case 'share': {
      const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
      const value = Number(number) / (percent === '%' ? 100 : 1);
      if (!(value > 0)) refuse('it is a share above 0, as in 0.1 or 10%');
      return bounded(value);
    }
    case 'rate':
      return bounded(scaled(text, rateUnits) ?? refuse('it is a number with bit, kbit, mbit or gbit, as in 1mbit'));
    case 'size':
      return bounded(scaled(text, sizeUnits) ?? refuse('it is a number with KiB, MiB or GiB, as in 256MiB'));
    case 'names':
      return namesIn(text, name);
    case 'choice': {
      const choices = entry.choices ?? [];
      return choices.includes(text) ? text : refuse(`there is no such choice${didYouMean(text, choices)}`);
    }
    case 'path':
      return text.startsWith('/') ? text : refuse('it is an absolute path, as the node sees it');
    case 'groups':
      return text.includes('|') ? text : refuse('groups are set apart by |, as in 2|2|1 or a,b|c,d');
  }
}

/** Names that are set apart by commas: each once, and at least one. */
export function namesIn(text: string, name: string): string[] {
  const all = text.split(',').map((part) => part.trim());
  if (all.some((part) => part === '')) throw new UsageError(`${name} cannot be "${text}": a name in it is empty`);
  const twice = all.find((part, index) => all.indexOf(part) !== index);
  if (twice !== undefined) throw new UsageError(`${name} cannot be "${text}": ${twice} stands in it twice`);
  return all;
}

const rateUnits = new Map([
  ['bit', 1],
  ['kbit', 1e3],
  ['mbit', 1e6],
  ['gbit', 1e9],
]);
const sizeUnits = new Map([
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
]);

function scaled(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text.trim().toLowerCase()) ?? [];
  const scale = units.get(unit);
  return number === undefined || scale === undefined ? undefined : Math.round(Number(number) * scale);
}

function shown(bound: number, { type }: ParameterEntry): string {
  switch (type) {
    case 'duration':
    case 'offset':
      return bound < 1000 ? `${bound}ms` : `${bound / 1000}s`;
    case 'rate':
      return `${bound / 1000}kbit`;
    case 'size':
      return `${bound / 2 ** 20}MiB`;
    default:
      return String(bound);
  }
}
