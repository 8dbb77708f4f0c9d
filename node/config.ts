import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { privateKeyFromPem, publicKeyFromRaw, publicKeyOf } from './keys.ts';
import { logLevels } from './log.ts';
import type { LogLevel } from './log.ts';
import type { Address, PeerAddress } from './network.ts';
import { ThresholdGroup } from './tss-group.ts';
import type { TssGroup } from './tss-group.ts';
import { ValidatorSet } from './validators.ts';
import type { Genesis, GenesisValidator } from './validators.ts';

export interface Config {
  readonly id: string;
  readonly dataFolder: string;
  readonly genesis: Genesis;
  readonly validators: ValidatorSet;
  readonly privateKey: KeyObject | null;
  readonly http: Address;
  readonly p2p: Address;
  readonly peers: readonly PeerAddress[];
  readonly logLevel: LogLevel;
  readonly tss: TssConfig;
}

export interface TssConfig {
  /** Null where the genesis file names no group. */
  readonly group: ThresholdGroup | null;
  /** This node's secret share, in hex; null where it has none. */
  readonly secret: string | null;
  /** Whether the flag is given; a lease may say otherwise for a while. */
  readonly isEnabled: boolean;
  /** Why this node cannot sign shares, where it was given a key for it. */
  readonly keyProblem: string | null;
}

/** Wrong flags, files or data: the operator has to act. The process ends with exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Returns 'version' where only the version is asked for. Throws {@link ConfigError}. */
export function readConfig(args: readonly string[]): Config | 'version' {
  const flags = attempt('command line', () => parseArgs({ args: [...args], options: flagTypes }).values);
  if (flags.version) return 'version';
  const level = flags['log-level'] ?? 'info';
  const logLevel = logLevels.find((name) => name === level);
  if (logLevel === undefined) throw new ConfigError(`--log-level ${level}: expected one of ${logLevels.join(', ')}`);
  const id = required('id', flags.id);
  const genesis = parseGenesis(required('genesis', flags.genesis));
  return {
    id,
    dataFolder: required('data', flags.data),
    genesis,
    validators: attempt('--genesis', () => new ValidatorSet(genesis.validators)),
    privateKey: readKey(id, genesis, flags.key),
    http: parseAddress('http', required('http', flags.http)),
    p2p: parseAddress('p2p', required('p2p', flags.p2p)),
    peers: (flags.peer ?? []).map(parsePeer),
    logLevel,
    tss: readTss(id, genesis, flags['tss-key'], flags['enable-tss'] ?? false),
  };
}

const text = { type: 'string' } as const;
const flagTypes = {
  id: text,
  data: text,
  genesis: text,
  key: text,
  http: text,
  p2p: text,
  peer: { type: 'string', multiple: true },
  'log-level': text,
  'tss-key': text,
  'enable-tss': { type: 'boolean' },
  version: { type: 'boolean' },
} as const;

function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new ConfigError(`--${name} is missing`);
  return value;
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new ConfigError(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function parseAddress(name: string, text: string): Address {
  const match = /^(?:\[(?<ipv6>[^\]]+)\]|(?<host>[^:]+)):(?<port>\d{1,5})$/.exec(text)?.groups;
  const port = Number(match?.['port']);
  const host = match?.['ipv6'] ?? match?.['host'];
  if (host === undefined || port > 65535) throw new ConfigError(`--${name} ${text}: expected HOST:PORT`);
  return { host, port };
}

function parsePeer(text: string): PeerAddress {
  const at = text.indexOf('=');
  if (at < 1) throw new ConfigError(`--peer ${text}: expected id=HOST:PORT`);
  return { id: text.slice(0, at), ...parseAddress('peer', text.slice(at + 1)) };
}

function readKey(id: string, genesis: Genesis, path: string | undefined): KeyObject | null {
  const expected = genesis.validators.find((validator) => validator.id === id)?.publicKey;
  if (path === undefined) {
    if (expected !== undefined) throw new ConfigError(`--key is missing: ${id} is a validator and has to sign`);
    return null;
  }
  const key = attempt(`--key ${path}`, () => privateKeyFromPem(readFileSync(path, 'utf8')));
  if (expected !== undefined && publicKeyOf(key) !== expected) {
    throw new ConfigError(`--key ${path}: does not match the public key of ${id} in the genesis file`);
  }
  return key;
}

/** A share that is missing or of another group is told, and no reason to stop: the chain does without it, and needs the validator. */
function readTss(id: string, genesis: Genesis, path: string | undefined, isEnabled: boolean): TssConfig {
  const described = genesis.tss;
  const group = described === undefined ? null : attempt('--genesis: tss', () => new ThresholdGroup(described));
  if (group === null && isEnabled) throw new ConfigError('--enable-tss: the genesis file names no tss group');
  if (group === null || path === undefined || !group.ids.includes(id)) {
    if (isEnabled && group?.ids.includes(id)) throw new ConfigError('--tss-key is missing: --enable-tss needs it');
    return { group, secret: null, isEnabled, keyProblem: null };
  }
  try {
    const secret = attempt(`--tss-key ${path}`, () => readFileSync(path, 'utf8').trim());
    const isOwn = attempt(`--tss-key ${path}: not a key`, () => group.owns(id, secret));
    if (!isOwn) throw new ConfigError(`--tss-key ${path}: not the share of ${id} in the genesis file's tss group`);
    return { group, secret, isEnabled, keyProblem: null };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { group, secret: null, isEnabled, keyProblem: error.message };
  }
}

function parseGenesis(path: string): Genesis {
  const what = `--genesis ${path}`;
  const value = attempt(what, () => JSON.parse(readFileSync(path, 'utf8')) as unknown);
  const { chainId, blockIntervalMs, validators, tss } = (value ?? {}) as Partial<Record<keyof Genesis, unknown>>;
  const fail = (reason: string): never => {
    throw new ConfigError(`${what}: ${reason}`);
  };
  if (typeof chainId !== 'string' || chainId === '') return fail('chainId must be a text');
  if (typeof blockIntervalMs !== 'number' || !(blockIntervalMs >= 10 && blockIntervalMs <= 60_000)) {
    return fail('blockIntervalMs must be between 10 and 60000');
  }
  if (!Array.isArray(validators) || validators.length === 0)
    return fail('validators must be a list with at least one entry');
  const checked = validators.map((entry: unknown, index) => {
    const { id, publicKey, power } = (entry ?? {}) as Partial<Record<keyof GenesisValidator, unknown>>;
    if (typeof id !== 'string' || id === '') return fail(`validators[${index}].id must be a text`);
    if (typeof publicKey !== 'string') return fail(`validators[${index}].publicKey must be a text`);
    attempt(`${what}: validators[${index}].publicKey`, () => publicKeyFromRaw(publicKey));
    if (typeof power !== 'number' || !Number.isSafeInteger(power) || power < 1) {
      return fail(`validators[${index}].power must be a whole number above 0`);
    }
    return { id, publicKey, power };
  });
  if (new Set(checked.map(({ id }) => id)).size < checked.length) return fail('two validators have the same id');
  return { chainId, blockIntervalMs, validators: checked, ...(tss !== undefined && { tss: parseGroup(tss, fail) }) };
}

function parseGroup(value: unknown, fail: (reason: string) => never): TssGroup {
  const { threshold, publicKey, members } = (value ?? {}) as Partial<Record<keyof TssGroup, unknown>>;
  if (typeof threshold !== 'number' || typeof publicKey !== 'string' || !Array.isArray(members))
    return fail('tss must have threshold, publicKey and members');
  const checked = members.map((member: unknown, index) => {
    const { id, publicKey: key } = (member ?? {}) as { id?: unknown; publicKey?: unknown };
    if (typeof id !== 'string' || typeof key !== 'string')
      return fail(`tss.members[${index}] must have id and publicKey`);
    return { id, publicKey: key };
  });
  return { threshold, publicKey, members: checked };
}
