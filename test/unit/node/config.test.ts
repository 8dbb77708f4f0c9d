import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../../node/config.ts';
import { testChain } from './identities.ts';

let folder: string;

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function newKey(): { pem: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { pem, publicKey: publicKey.export({ format: 'jwk' }).x ?? '' };
}

const own = newKey();
const validator = { id: 'validator-0', publicKey: own.publicKey, power: 1 };
const genesis = { chainId: 'local', blockIntervalMs: 200, validators: [validator] };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'refchain-'));
  file('genesis.json', genesis);
  file('key.pem', own.pem);
  file('other.pem', newKey().pem);
});

afterAll(() => rmSync(folder, { recursive: true }));

function flags(changes: Readonly<Record<string, string | null>> = {}): string[] {
  const all: Record<string, string | null> = {
    '--id': 'validator-0',
    '--data': join(folder, 'data'),
    '--genesis': join(folder, 'genesis.json'),
    '--key': join(folder, 'key.pem'),
    '--http': '127.0.0.1:26657',
    '--p2p': '[::1]:26656',
    ...changes,
  };
  return Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [name, value]));
}

test('Flags, genesis and key make a configuration', () => {
  const config = readConfig([...flags(), '--peer', 'b=127.0.0.1:1', '--peer', 'c=host:2']);
  expect(config).toMatchObject({
    id: 'validator-0',
    genesis,
    http: { host: '127.0.0.1', port: 26657 },
    p2p: { host: '::1', port: 26656 },
    peers: [
      { id: 'b', host: '127.0.0.1', port: 1 },
      { id: 'c', host: 'host', port: 2 },
    ],
    logLevel: 'info',
  });
});

test('A node outside the validator set needs no key', () => {
  expect(readConfig(flags({ '--id': 'follower', '--key': null }))).toMatchObject({ id: 'follower', privateKey: null });
});

test('--version asks for nothing else', () => {
  expect(readConfig(['--version'])).toBe('version');
});

test.each([
  [{ '--colour': 'red' }, "Unknown option '--colour'"],
  [{ '--data': null }, '--data is missing'],
  [{ '--http': '127.0.0.1' }, '--http 127.0.0.1: expected HOST:PORT'],
  [{ '--p2p': 'host:70000' }, '--p2p host:70000: expected HOST:PORT'],
  [{ '--peer': '127.0.0.1:1' }, '--peer 127.0.0.1:1: expected id=HOST:PORT'],
  [{ '--log-level': 'loud' }, '--log-level loud: expected one of debug, info, warn, error'],
  [{ '--key': null }, '--key is missing: validator-0 is a validator and has to sign'],
  [{ '--key': 'nowhere.pem' }, 'no such file'],
  [{ '--genesis': 'nowhere.json' }, 'no such file'],
])('Wrong flags are refused with the reason (%j)', (changes, reason) => {
  expect(() => readConfig(flags(changes))).toThrow(ConfigError);
  expect(() => readConfig(flags(changes))).toThrow(reason);
});

test('A key that is not the one in the genesis file is refused', () => {
  expect(() => readConfig(flags({ '--key': join(folder, 'other.pem') }))).toThrow('does not match the public key');
});

test.each([
  ['not JSON', '{'],
  ['chainId', { ...genesis, chainId: '' }],
  ['blockIntervalMs', { ...genesis, blockIntervalMs: 0 }],
  ['validators must be a list', { ...genesis, validators: [] }],
  ['validators[0].power', { ...genesis, validators: [{ ...validator, power: 0 }] }],
  ['validators[0].publicKey', { ...genesis, validators: [{ ...validator, publicKey: 'short' }] }],
  ['two validators have the same id', { ...genesis, validators: [validator, validator] }],
  [
    'too uneven',
    { ...genesis, validators: [{ ...validator, power: 999_983 }, { ...testChain().genesis.validators[1] }] },
  ],
])('A genesis file is refused with the place of the mistake (%s)', (reason, content) => {
  const path = file('bad.json', content);
  const refusal = (): unknown => readConfig(flags({ '--genesis': path }));
  expect(refusal).toThrow(`--genesis${reason === 'too uneven' ? '' : ` ${path}`}`);
  if (reason !== 'not JSON') expect(refusal).toThrow(reason);
});
