import { randomBytes } from 'node:crypto';
import { bls12_381 } from '@noble/curves/bls12-381.js';

/** The public half of a threshold key, as the genesis file carries it. Points are compressed and in hex: keys in G2, signatures in G1. */
export interface TssGroup {
  /** Shares that make a signature: floor(2n/3) + 1 of n members, the smallest number above two thirds. */
  readonly threshold: number;
  readonly publicKey: string;
  /** A member's place in the list, from 1, is the point at which its share was taken. */
  readonly members: readonly { readonly id: string; readonly publicKey: string }[];
}

const scheme = bls12_381.shortSignatures;
const { Fr } = bls12_381.fields;
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;
export type SignaturePoint = InstanceType<typeof G1>;
type KeyPoint = InstanceType<typeof G2>;

/** A signature, or a share of one, with the key that must have made it. */
interface Claim {
  readonly signature: SignaturePoint;
  readonly key: KeyPoint;
}

export interface Share {
  readonly member: string;
  readonly signature: SignaturePoint;
}

const weightBytes = 8;
const rememberedHashes = 4;

/**
 * Threshold BLS signatures on BLS12-381 (Boldyreva, PKC 2003): each member signs with its Shamir share of one secret, and any
 * `threshold` shares, weighted by Lagrange's coefficients at 0, add up to the signature of the secret itself, always the same one.
 * It verifies as an ordinary BLS signature of the minimal-signature-size variant.
 */
export class ThresholdGroup {
  readonly threshold: number;
  readonly ids: readonly string[];
  readonly #publicKey: KeyPoint;
  readonly #keys: ReadonlyMap<string, KeyPoint>;
  readonly #hashes = new Map<string, SignaturePoint>();

  /** Throws where a key is not a point of the group, or the threshold cannot be reached. */
  constructor({ threshold, publicKey, members }: TssGroup) {
    this.threshold = threshold;
    this.ids = members.map(({ id }) => id);
    if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > members.length)
      throw new Error(`threshold ${threshold} of ${members.length} members`);
    if (new Set(this.ids).size < this.ids.length) throw new Error('two members have the same id');
    this.#publicKey = keyPoint(publicKey);
    this.#keys = new Map(members.map((member) => [member.id, keyPoint(member.publicKey)]));
  }

  /** Whether this secret is the member's. */
  owns(id: string, secret: string): boolean {
    const key = this.#keys.get(id);
    return key !== undefined && scheme.getPublicKey(secretBytes(secret)).equals(key);
  }

  sign(secret: string, message: string): SignaturePoint {
    return scheme.sign(this.#hash(message), secretBytes(secret));
  }

  /** Whether all these shares are good, and the combined signature where there is one: one check with two pairings for them all. */
  areValid(message: string, shares: readonly Share[], combined?: SignaturePoint): boolean {
    const claims: Claim[] = combined === undefined ? [] : [{ signature: combined, key: this.#publicKey }];
    for (const { member, signature } of shares) {
      const key = this.#keys.get(member);
      if (key === undefined) return false;
      claims.push({ signature, key });
    }
    return claims.length === 0 || isEverySigned(this.#hash(message), claims);
  }

  /** The good shares. Where not all are, halves are checked, so that few bad ones among many cost few checks. */
  sift(message: string, shares: readonly Share[]): Share[] {
    if (shares.length === 0 || this.areValid(message, shares)) return [...shares];
    if (shares.length === 1) return [];
    const half = shares.length >>> 1;
    return [...this.sift(message, shares.slice(0, half)), ...this.sift(message, shares.slice(half))];
  }

  /** The group's signature, from good shares of different members; null where they are too few. */
  combine(shares: readonly Share[]): SignaturePoint | null {
    const chosen = shares.slice(0, this.threshold);
    if (chosen.length < this.threshold) return null;
    const places = chosen.map(({ member }) => BigInt(this.ids.indexOf(member) + 1));
    return chosen
      .map(({ signature }, index) => signature.multiplyUnsafe(lagrangeAtZero(places, index)))
      .reduce((sum, point) => sum.add(point));
  }

  #hash(message: string): SignaturePoint {
    let hash = this.#hashes.get(message);
    if (hash === undefined) {
      hash = scheme.hash(Buffer.from(message));
      this.#hashes.set(message, hash);
      const [oldest] = this.#hashes.keys();
      if (this.#hashes.size > rememberedHashes && oldest !== undefined) this.#hashes.delete(oldest);
    }
    return hash;
  }
}

export function signatureHex(signature: SignaturePoint): string {
  return signature.toHex(true);
}

/** The point, or null for anything that is not one of the right group. */
export function parseSignature(hex: string): SignaturePoint | null {
  try {
    const point = scheme.Signature.fromHex(hex);
    point.assertValidity();
    return point.is0() ? null : point;
  } catch {
    return null;
  }
}

/**
 * e(Σ rᵢSᵢ, g) = e(H, Σ rᵢKᵢ) with random 64-bit rᵢ of the verifier's own: wrong signatures pass, or cancel each other out, with a
 * probability of 2⁻⁶⁴ (small exponents test; Bellare, Garay and Rabin, Eurocrypt 1998). One weight may be 1.
 */
function isEverySigned(hash: SignaturePoint, claims: readonly Claim[]): boolean {
  try {
    const weights = claims.map((_, index) => (index === 0 ? 1n : weight()));
    const signature = weightedSum(
      G1.ZERO,
      claims.map((claim) => claim.signature),
      weights,
    );
    const key = weightedSum(
      G2.ZERO,
      claims.map((claim) => claim.key),
      weights,
    );
    const product = bls12_381.pairingBatch([
      { g1: signature, g2: G2.BASE.negate() },
      { g1: hash, g2: key },
    ]);
    return bls12_381.fields.Fp12.eql(product, bls12_381.fields.Fp12.ONE);
  } catch {
    // A sum at infinity has no pairing, and no honest signature leads to one.
    return false;
  }
}

interface Summable<P> {
  add(other: P): P;
  double(): P;
}

/** Σ wᵢPᵢ for weights of 64 bits, the doublings shared by all (Straus, 1964): half the time of one multiplication after the other. */
function weightedSum<P extends Summable<P>>(zero: P, points: readonly P[], weights: readonly bigint[]): P {
  let sum = zero;
  for (let bit = BigInt(8 * weightBytes - 1); bit >= 0n; bit--) {
    sum = sum.double();
    for (const [index, point] of points.entries()) if (((weights[index] ?? 0n) >> bit) & 1n) sum = sum.add(point);
  }
  return sum;
}

function weight(): bigint {
  return randomBytes(weightBytes).readBigUInt64BE() | 1n;
}

function lagrangeAtZero(places: readonly bigint[], index: number): bigint {
  const own = places[index] ?? 0n;
  return places
    .filter((place) => place !== own)
    .reduce((product, place) => Fr.mul(product, Fr.div(place, Fr.sub(place, own))), Fr.ONE);
}

function keyPoint(hex: string): KeyPoint {
  const point = G2.fromHex(hex);
  point.assertValidity();
  if (point.is0()) throw new Error('a key at infinity');
  return point;
}

function secretBytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}
