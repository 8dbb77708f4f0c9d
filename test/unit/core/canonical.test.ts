import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, hashOf, sha256, sha256File } from '../../../src/core/canonical.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

test('equal data has equal text, whatever the order of its keys', () => {
  expect(canonicalJson({ b: [2, { d: 1, c: undefined }], a: null })).toBe('{"a":null,"b":[2,{"d":1}]}');
  expect(hashOf({ a: 1, b: 2 })).toBe(hashOf({ b: 2, a: 1 }));
  expect(hashOf([1, 2])).not.toBe(hashOf([2, 1]));
});

test('the text is JSON of the same data', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('a file has the hash of its content', async () => {
  const file = join(await temporaryFolder(), 'big');
  const content = Buffer.alloc(300_000, 'seatrial');
  await writeFile(file, content);
  expect(await sha256File(file)).toBe(sha256(content));
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
