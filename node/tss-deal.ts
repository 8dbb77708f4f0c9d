import { parseArgs } from 'node:util';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import type { TssGroup } from './tss-group.ts';

/** A threshold key as its dealer sees it: the public half, and each member's secret share as 32 bytes of hex. */
export interface DealtKey {
  readonly group: TssGroup;
  readonly secrets: Readonly<Record<string, string>>;
}

/** The smallest number of members above two thirds of them. */
export function thresholdOf(memberCount: number): number {
  return Math.floor((2 * memberCount) / 3) + 1;
}

/**
 * Deals a fresh key (Shamir, CACM 1979): the secret is a random polynomial's value at 0, a member's share its value at the member's
 * place. The dealer knows the secret and forgets it; who runs the testnet is trusted with its keys anyway.
 */
export function dealKey(members: readonly string[]): DealtKey {
  if (members.length === 0 || new Set(members).size < members.length)
    throw new Error('members must be different, and at least one');
  const { Fr } = bls12_381.fields;
  const threshold = thresholdOf(members.length);
  const coefficients = Array.from({ length: threshold }, () => Fr.fromBytes(bls12_381.utils.randomSecretKey()));
  const valueAt = (place: bigint): bigint =>
    coefficients.reduceRight((sum, coefficient) => Fr.add(Fr.mul(sum, place), coefficient), Fr.ZERO);
  const publicKeyOf = (secret: bigint): string => bls12_381.G2.Point.BASE.multiply(secret).toHex(true);
  const shares = members.map((id, index) => ({ id, secret: valueAt(BigInt(index + 1)) }));
  return {
    group: {
      threshold,
      publicKey: publicKeyOf(valueAt(0n)),
      members: shares.map(({ id, secret }) => ({ id, publicKey: publicKeyOf(secret) })),
    },
    secrets: Object.fromEntries(shares.map(({ id, secret }) => [id, Buffer.from(Fr.toBytes(secret)).toString('hex')])),
  };
}

/** Prints a fresh key as JSON: to a pipe, for the secrets are in it. */
function main(): void {
  const { positionals } = parseArgs({ allowPositionals: true });
  process.stdout.write(`${JSON.stringify(dealKey(positionals))}\n`);
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`tss-deal: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
