import type { KeyObject } from 'node:crypto';
import { voteBytes } from './chain.ts';
import type { Commit } from './chain.ts';
import type { TssGroup } from './tss-group.ts';
import { isSignedBy, publicKeyFromRaw, sha256 } from './keys.ts';

export interface GenesisValidator {
  readonly id: string;
  /** Raw 32 bytes, base64url. */
  readonly publicKey: string;
  readonly power: number;
}

export interface Genesis {
  readonly chainId: string;
  readonly blockIntervalMs: number;
  readonly validators: readonly GenesisValidator[];
  /** Who can make threshold signatures; absent: nobody. Not part of the chain's root. */
  readonly tss?: TssGroup;
}

/** Root of the chain: the previous hash of block 1 and the app hash before it. The block interval is not part of it. */
export function genesisHash({ chainId, validators }: Genesis): string {
  return sha256(JSON.stringify([chainId, validators.map(({ id, publicKey, power }) => [id, publicKey, power])]));
}

/** The longest proposer cycle that is laid out; it equals the total power divided by the powers' greatest common divisor. */
const maxCycleLength = 100_000;

export class ValidatorSet {
  readonly ids: readonly string[];
  readonly totalPower: number;
  readonly #powers: ReadonlyMap<string, number>;
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #cycle: readonly string[];

  constructor(validators: readonly GenesisValidator[]) {
    this.ids = validators.map(({ id }) => id);
    this.#powers = new Map(validators.map(({ id, power }) => [id, power]));
    this.#keys = new Map(validators.map(({ id, publicKey }) => [id, publicKeyFromRaw(publicKey)]));
    this.totalPower = validators.reduce((sum, { power }) => sum + power, 0);
    this.#cycle = proposerCycle(validators);
  }

  powerOf(id: string): number {
    return this.#powers.get(id) ?? 0;
  }

  /** More than two thirds of all voting power. */
  isQuorum(power: number): boolean {
    return power * 3 > this.totalPower * 2;
  }

  /** More than one third: at least one honest validator is among them. */
  hasHonest(power: number): boolean {
    return power * 3 > this.totalPower;
  }

  proposer(height: number, round: number): string {
    return this.#cycle[(height - 1 + round) % this.#cycle.length] ?? '';
  }

  isSigned(id: string, bytes: Buffer, signature: string): boolean {
    const key = this.#keys.get(id);
    return key !== undefined && isSignedBy(key, bytes, signature);
  }

  /** Whether the commit carries valid precommits of > 2/3 of the power, none counted twice. */
  isCommitted(chainId: string, { height, round, block, signatures }: Commit): boolean {
    const bytes = voteBytes(chainId, { kind: 'precommit', height, round, block });
    const signers = new Set<string>();
    for (const { validator, signature } of signatures) {
      if (this.isSigned(validator, bytes, signature)) signers.add(validator);
    }
    return this.isQuorum([...signers].reduce((sum, id) => sum + this.powerOf(id), 0));
  }
}

/** Smooth weighted round robin: each turn every validator gains its power, and the richest one proposes and pays the total. */
function proposerCycle(validators: readonly GenesisValidator[]): string[] {
  const divisor = validators.map(({ power }) => power).reduce(greatestCommonDivisor);
  const entries = validators.map(({ id, power }) => ({ id, power: power / divisor, credit: 0 }));
  const total = entries.reduce((sum, { power }) => sum + power, 0);
  if (total > maxCycleLength) throw new Error(`voting powers are too uneven: a proposer cycle of ${total} turns`);
  return Array.from({ length: total }, () => {
    for (const entry of entries) entry.credit += entry.power;
    const chosen = entries.reduce((best, entry) => (entry.credit > best.credit ? entry : best));
    chosen.credit -= total;
    return chosen.id;
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
