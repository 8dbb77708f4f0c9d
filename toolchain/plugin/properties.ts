import structs from 'google-protobuf/google/protobuf/struct_pb.js';
import type { Struct, Value } from 'google-protobuf/google/protobuf/struct_pb.js';

/** A property as the engine sends it. */
export type PropertyValue = null | boolean | number | string | PropertyValue[] | Properties;

export interface Properties {
  [name: string]: PropertyValue;
}

/** What the engine sends, and expects back, for a value that is known only after a real update. */
export const unknownValue = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

export function isObject(value: PropertyValue | undefined): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The properties of a protobuf struct; none for an absent one. */
export function fromStruct(struct: Struct | undefined): Properties {
  return struct ? struct.toJavaScript() : {};
}

/** The inverse of fromStruct. Properties that are undefined are left out (the library's own conversion throws on them). */
export function toStruct(properties: Record<string, PropertyValue | undefined>): Struct {
  const struct = new structs.Struct();
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined) struct.getFieldsMap().set(name, toValue(value));
  }
  return struct;
}

function toValue(value: PropertyValue): Value {
  const result = new structs.Value();
  if (value === null) result.setNullValue(structs.NullValue.NULL_VALUE);
  else if (typeof value === 'boolean') result.setBoolValue(value);
  else if (typeof value === 'number') result.setNumberValue(value);
  else if (typeof value === 'string') result.setStringValue(value);
  else if (Array.isArray(value)) {
    const list = new structs.ListValue();
    list.setValuesList(value.map(toValue));
    result.setListValue(list);
  } else result.setStructValue(toStruct(value));
  return result;
}
