import { isObject, type Properties, type PropertyValue } from '../plugin/properties.ts';

/** Properties without their `__defaults`, which belong to inputs, at every depth, and never to a state. */
export function withoutDefaults(properties: Properties): Properties {
  const entries = Object.entries(properties).filter(([name]) => name !== '__defaults');
  return Object.fromEntries(entries.map(([name, value]) => [name, stripped(value)]));
}

function stripped(value: PropertyValue): PropertyValue {
  if (Array.isArray(value)) return value.map(stripped);
  return isObject(value) ? withoutDefaults(value) : value;
}
