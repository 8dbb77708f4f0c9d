import type { PropertyValue } from '../../plugin/properties.ts';

/** What a property's value looks like. A set is a list whose order means nothing. */
export type Shape =
  | { kind: 'string' | 'int' | 'bool' }
  /** A Go duration, as in "1m30s"; equal lengths are equal however they are written. */
  | { kind: 'duration' }
  /** A Linux capability, with or without its CAP_ prefix. */
  | { kind: 'capability' }
  | { kind: 'map' }
  | { kind: 'list' | 'set'; of: Shape }
  | { kind: 'object'; fields: Record<string, Property> };

export interface Property {
  shape: Shape;
  isRequired?: boolean;
  /** Filled in where the program gives none. */
  default?: boolean | number | string;
  /** Read from the engine where the program gives none. */
  isComputed?: boolean;
  /** Whether a change can be made to the thing in place; otherwise it is replaced. Read for top-level properties only. */
  canUpdate?: boolean;
  /** Not implemented: the default is taken as said, any other value is refused. */
  isFixed?: boolean;
}

export interface ResourceSchema {
  /** The resource's type as the engine names it. */
  token: string;
  properties: Record<string, Property>;
  /** Properties that only the official provider has; named, so that the refusal can say so. */
  unsupported: readonly string[];
  /** Whether the old thing must be gone before a new one can be made with these inputs. */
  isExclusive: (inputs: Record<string, PropertyValue>) => boolean;
}

export const text: Shape = { kind: 'string' };
export const int: Shape = { kind: 'int' };
export const bool: Shape = { kind: 'bool' };
export const duration: Shape = { kind: 'duration' };
export const map: Shape = { kind: 'map' };

export function setOf(of: Shape): Shape {
  return { kind: 'set', of };
}

export function listOf(of: Shape): Shape {
  return { kind: 'list', of };
}

export function objectOf(fields: Record<string, Property>): Shape {
  return { kind: 'object', fields };
}

export const labels: Shape = setOf(
  objectOf({ label: { shape: text, isRequired: true }, value: { shape: text, isRequired: true } }),
);
