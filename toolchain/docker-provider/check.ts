import { createHash } from 'node:crypto';
import { isObject, type Properties, type PropertyValue, unknownValue } from '../plugin/properties.ts';
import { durationNs } from './duration.ts';
import type { Property, ResourceSchema, Shape } from './schema/shape.ts';

export interface CheckFailure {
  /** Path of the property, as in `ports[0].ip`. */
  property: string;
  reason: string;
}

export interface CheckResult {
  /** The program's inputs with all defaults. Each object names those of its properties that were filled in, in `__defaults`. */
  inputs: Properties;
  failures: CheckFailure[];
}

/** What Check is told beside the inputs, to name a thing whose program gives no name. */
export interface Naming {
  resourceName: string;
  olds: Properties;
  randomSeed: Uint8Array;
}

/** Validates a program's inputs against a schema and fills in the defaults. */
export function check(schema: ResourceSchema, news: Properties, naming: Naming): CheckResult {
  const failures: CheckFailure[] = [];
  const inputs = checkObject(schema.properties, news, '', failures, (name, path) => {
    failures.push({ property: path, reason: refusal(schema, name) });
  });
  if (inputs['name'] === undefined) {
    inputs['name'] = generatedName(naming);
    (inputs['__defaults'] as PropertyValue[]).push('name');
  }
  return { inputs, failures };
}

function checkObject(
  fields: Record<string, Property>,
  given: Properties,
  path: string,
  failures: CheckFailure[],
  refuse: (name: string, path: string) => void,
): Properties {
  const result: Properties = {};
  const defaults: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const at = path === '' ? name : `${path}.${name}`;
    if (name.startsWith('__') || value === null) continue;
    const property = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (property === undefined) refuse(name, at);
    else result[name] = checkValue(property.shape, value, at, failures);
    if (property?.isFixed === true && value !== property.default && value !== unknownValue) {
      failures.push({
        property: at,
        reason: `can only be ${JSON.stringify(property.default)} with the offline docker provider`,
      });
    }
  }
  for (const [name, property] of Object.entries(fields)) {
    if (result[name] !== undefined) continue;
    if (property.default !== undefined) {
      result[name] = property.default;
      defaults.push(name);
    } else if (property.isRequired === true) {
      failures.push({ property: path === '' ? name : `${path}.${name}`, reason: 'is required' });
    }
  }
  return { ...result, __defaults: defaults.sort() };
}

function checkValue(shape: Shape, value: PropertyValue, path: string, failures: CheckFailure[]): PropertyValue {
  if (value === unknownValue) return value;
  if ((shape.kind === 'list' || shape.kind === 'set') && Array.isArray(value)) {
    return value.map((item, index) => checkValue(shape.of, item, `${path}[${index}]`, failures));
  }
  if (shape.kind === 'object' && isObject(value)) {
    return checkObject(shape.fields, value, path, failures, (name, at) => {
      failures.push({ property: at, reason: `${JSON.stringify(name)} is not known to the offline docker provider` });
    });
  }
  const problem = scalarProblem(shape, value);
  if (problem !== undefined) failures.push({ property: path, reason: problem });
  return value;
}

function scalarProblem(shape: Shape, value: PropertyValue): string | undefined {
  switch (shape.kind) {
    case 'string':
    case 'capability':
      return typeof value === 'string' ? undefined : 'must be a string';
    case 'int':
      return Number.isInteger(value) ? undefined : 'must be a whole number';
    case 'bool':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'duration':
      return typeof value === 'string' && durationNs(value) !== undefined
        ? undefined
        : 'must be a duration such as "500ms", "2s" or "1m30s"';
    case 'map':
      return isObject(value) && Object.values(value).every((item) => typeof item === 'string')
        ? undefined
        : 'must be an object with strings as values';
    case 'list':
    case 'set':
      return 'must be a list';
    case 'object':
      return 'must be an object';
  }
}

function refusal(schema: ResourceSchema, name: string): string {
  const type = schema.token.split(':').at(-1);
  return schema.unsupported.includes(name)
    ? `${type}.${name} is not supported by the offline docker provider; remove it, or use the official provider`
    : `${type} has no property ${JSON.stringify(name)} in the offline docker provider`;
}

/** The old generated name stays; a new one is the resource's name and seven hexadecimal digits from the engine's seed. */
function generatedName({ resourceName, olds, randomSeed }: Naming): string {
  const old = olds['name'];
  const wasGenerated = Array.isArray(olds['__defaults']) && olds['__defaults'].includes('name');
  if (wasGenerated && typeof old === 'string') return old;
  return `${resourceName}-${createHash('sha256').update(resourceName).update(randomSeed).digest('hex').slice(0, 7)}`;
}
