import { canonicalJson } from '../../src/core/canonical.ts';
import { isObject, type Properties, type PropertyValue, unknownValue } from '../plugin/properties.ts';
import { durationNs } from './duration.ts';
import type { Property, ResourceSchema, Shape } from './schema/shape.ts';

type ChangeKind = 'add' | 'delete' | 'update';

interface PropertyChange {
  kind: ChangeKind;
  /** Whether the change cannot be made in place. */
  isReplacing: boolean;
}

export interface DiffResult {
  /** Changed top-level properties. */
  changes: Map<string, PropertyChange>;
  /** Whether, if the thing is replaced, the old one must go first: both would claim a name, a port or an address. */
  deleteBeforeReplace: boolean;
}

/**
 * Compares the inputs of the last update with the new ones. Sets are compared without order, durations by length, and what is
 * absent equals its default, an empty list or an empty map. A value not yet known counts as changed.
 */
export function diff(schema: ResourceSchema, olds: Properties, news: Properties): DiffResult {
  const changes = new Map<string, PropertyChange>();
  for (const [name, property] of Object.entries(schema.properties)) {
    const before = comparable(property, olds[name]);
    const after = comparable(property, news[name]);
    if (before === after) continue;
    changes.set(name, {
      kind: before === undefined ? 'add' : after === undefined ? 'delete' : 'update',
      isReplacing: property.canUpdate !== true,
    });
  }
  const isReplacing = [...changes.values()].some((change) => change.isReplacing);
  const hasGeneratedName = Array.isArray(news['__defaults']) && news['__defaults'].includes('name');
  return { changes, deleteBeforeReplace: isReplacing && (!hasGeneratedName || schema.isExclusive(news)) };
}

/** A text that is equal for values that mean the same; undefined for what means nothing. */
function comparable(property: Property, value: PropertyValue | undefined): string | undefined {
  const normal = normalised(property.shape, value ?? property.default);
  return normal === undefined ? undefined : canonicalJson(normal);
}

function normalised(shape: Shape, value: PropertyValue | undefined): PropertyValue | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (value === unknownValue) return value;
  if (shape.kind === 'duration' && typeof value === 'string') return durationNs(value) ?? value;
  if (shape.kind === 'capability' && typeof value === 'string') return value.toUpperCase().replace(/^CAP_/, '');
  if ((shape.kind === 'list' || shape.kind === 'set') && Array.isArray(value)) {
    const items = value.map((item) => normalised(shape.of, item) ?? null);
    if (items.length === 0) return undefined;
    return shape.kind === 'list' ? items : withoutOrder(items);
  }
  if (shape.kind === 'object' && isObject(value)) {
    const fields: Properties = {};
    for (const [name, field] of Object.entries(shape.fields)) {
      const normal = normalised(field.shape, value[name] ?? field.default);
      if (normal !== undefined) fields[name] = normal;
    }
    return Object.keys(fields).length === 0 ? undefined : fields;
  }
  if (shape.kind === 'map' && isObject(value)) return Object.keys(value).length === 0 ? undefined : value;
  return value;
}

/** Sorted and without repetition. */
function withoutOrder(items: PropertyValue[]): PropertyValue[] {
  const byText = new Map(items.map((item) => [canonicalJson(item), item]));
  return [...byText.keys()].sort().map((key) => byText.get(key) ?? null);
}
