import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../../src/core/canonical.ts';
import { durationNs } from '../../../toolchain/docker-provider/duration.ts';
import { withoutDefaults } from '../../../toolchain/docker-provider/without-defaults.ts';
import { fromStruct, type Properties, toStruct } from '../../../toolchain/plugin/properties.ts';

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

test('properties survive the way to the engine and back', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), value, { noNullPrototype: true }), (properties) => {
      const sent = toStruct(properties as Properties).serializeBinary();
      const struct = toStruct({}).constructor as unknown as {
        deserializeBinary(bytes: Uint8Array): ReturnType<typeof toStruct>;
      };
      expect(canonicalJson(fromStruct(struct.deserializeBinary(sent)))).toBe(canonicalJson(properties));
    }),
  );
});

test('properties that are undefined are not sent', () => {
  expect(fromStruct(toStruct({ a: undefined, b: 1 }))).toEqual({ b: 1 });
});

test('names of defaults are taken out at every depth', () => {
  const inputs = { a: [{ b: 1, __defaults: ['b'] }], c: { d: { __defaults: [] } }, __defaults: [] };
  expect(withoutDefaults(inputs)).toEqual({ a: [{ b: 1 }], c: { d: {} } });
});

test.each([
  ['0', 0],
  ['2s', 2e9],
  ['500ms', 5e8],
  ['1m30s', 90e9],
  ['1.5h', 5400e9],
  ['10us', 1e4],
])('%s is %d ns', (text, expected) => {
  expect(durationNs(text)).toBe(expected);
});

test.each(['', '5', 's', '-1s', '1s ', '1 s', '1d'])('%j is no duration', (text) => {
  expect(durationNs(text)).toBeUndefined();
});
