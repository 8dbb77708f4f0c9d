import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createScrubber, isSecretKey, scrubbed, secretValues } from '../../../src/report/scrub.ts';

test('a known secret goes in every form in which it can stand in a text', () => {
  const secret = 'a"b\\c<d>&secret-value';
  const scrub = createScrubber([`${secret}\n`]);
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    'a&quot;b\\c&lt;d&gt;&amp;secret-value',
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('hex'),
    Buffer.from(`admin:${secret}`).toString('base64'),
  ];
  for (const form of forms) expect(scrub(`before ${form} after`)).toBe(`before ${scrubbed} after`);
});

test('of a key file that is JSON the secret part goes and the public part stays', () => {
  const scrub = createScrubber([JSON.stringify({ publicKey: 'PUBLIC-PART-1', privateKey: 'PRIVATE-PART-1' })]);
  expect(scrub('key PUBLIC-PART-1 and PRIVATE-PART-1')).toBe(`key PUBLIC-PART-1 and ${scrubbed}`);
});

test('no secret of eight characters or more survives, wherever it stands', () => {
  const letters = fc
    .string({ minLength: 8, maxLength: 40, unit: 'grapheme-ascii' })
    .filter((text) => text.trim().length >= 8);
  fc.assert(
    fc.property(fc.array(letters, { minLength: 1, maxLength: 5 }), fc.string(), (secrets, between) => {
      const text = createScrubber(secrets)(secrets.join(between));
      for (const secret of secrets) if (!scrubbed.includes(secret.trim())) expect(text).not.toContain(secret.trim());
    }),
  );
});

test.each([
  ['DB_PASSWORD', true],
  ['apiToken', true],
  ['private-key', true],
  ['passphrase', true],
  ['secretFiles', false],
  ['grafanaPasswordFile', false],
  ['publicKey', false],
  ['height', false],
  ['monkey', false],
])('%s names a secret: %s', (key, expected) => {
  expect(isSecretKey(key)).toBe(expected);
});

test('values of keys that name secrets go at any depth, short ones too; other JSON stays byte for byte', () => {
  const { json } = createScrubber([]);
  expect(JSON.parse(json('{"env":{"DB_PASSWORD":"x","LEVEL":"info"},"list":[{"token":7}]}'))).toEqual({
    env: { DB_PASSWORD: scrubbed, LEVEL: 'info' },
    list: [{ token: scrubbed }],
  });
  const harmless = '{"a":1,   "secretFiles":{"/key":"/path"}}';
  expect(json(harmless)).toBe(harmless);
  expect([...secretValues({ nodes: [{ env: { API_KEY: 'abc' } }] })]).toEqual(['abc']);
});

test.each([
  ['postgres://user:hunter22@db/x', `postgres://${scrubbed}@db/x`],
  ['Authorization: Bearer abcdefgh12345', `Authorization: Bearer ${scrubbed}`],
  ['node --db-password=hunter --port=1', `node --db-password=${scrubbed} --port=1`],
  ['-----BEGIN PRIVATE KEY-----\nMIIx\n-----END PRIVATE KEY-----', scrubbed],
])('%s is recognised without being known', (text, expected) => {
  expect(createScrubber([])(text)).toBe(expected);
});

test('ordinary text stays as it is', () => {
  const text = 'gate of validator-0: FAIL at http://127.0.0.1:4100/status, sha256:ab12, 3 tokens left';
  expect(createScrubber(['something-else'])(text)).toBe(text);
});
