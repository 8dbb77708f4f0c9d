import type { BlockTss } from './chain.ts';
import { parseSignature, signatureHex } from './tss-group.ts';
import type { Share, SignaturePoint, ThresholdGroup } from './tss-group.ts';

/** A validator's share of the signature over a block; sent beside its precommit, by the validator itself. */
export interface ShareMessage {
  readonly type: 'share';
  readonly height: number;
  readonly block: string;
  readonly share: string;
}

interface CollectorOptions {
  readonly chainId: string;
  readonly id: string;
  readonly group: ThresholdGroup;
  /** Secret share of this node, in hex; null where it has none. */
  readonly secret: string | null;
  /** Whether this node is to add its shares now. */
  readonly isOn: () => boolean;
  /** What is signed in place of the right message; null in a clean node. */
  readonly distort: ((height: number, message: string) => string | null) | null;
  /** Called for each share that was found wrong, and is not used. */
  readonly rejected: (validator: string, height: number) => void;
}

interface Held {
  readonly block: string;
  readonly share: string;
  /** Set once it is known to be good. */
  signature: SignaturePoint | null;
}

/** What was found good about one message; it need not be checked again. */
interface Known {
  readonly message: string;
  readonly shares: ReadonlyMap<string, string>;
  readonly signature: string | null;
}

const nothingKnown: Known = { message: '', shares: new Map(), signature: null };

/** Shares for heights further than this above the tip are of no use yet. */
const maxAhead = 2;

/**
 * The shares heard for the newest heights, and what the next block shows of them. Shares are not looked at when they arrive, but all of a
 * height at once, and none twice: pairings are slow.
 */
export class ShareCollector {
  readonly #options: CollectorOptions;
  readonly #held = new Map<number, Map<string, Held>>();
  #tip = 0;
  #known: Known = nothingKnown;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** This node's share of a block it precommits, kept like one that was heard; null while it gives none. */
  contribute(height: number, block: string): ShareMessage | null {
    const { id, group, secret, isOn, distort } = this.#options;
    if (secret === null || !isOn()) return null;
    const right = this.#message(height, block);
    const message = distort ? distort(height, right) : right;
    if (message === null) return null;
    const share: ShareMessage = { type: 'share', height, block, share: signatureHex(group.sign(secret, message)) };
    this.receive(id, share);
    return share;
  }

  /** Takes a share from the validator that sends it; it counts as that validator's, whatever it says. */
  receive(validator: string, { height, block, share }: ShareMessage): void {
    if (!this.#options.group.ids.includes(validator)) return;
    if (height < this.#tip || height > this.#tip + maxAhead) return;
    const held = this.#held.get(height) ?? new Map<string, Held>();
    this.#held.set(height, held.set(validator, { block, share, signature: null }));
  }

  /** Forgets the heights below a committed one. */
  advance(height: number): void {
    this.#tip = height;
    for (const held of this.#held.keys()) if (held < height) this.#held.delete(held);
  }

  /** What a block upon this one is to carry: the good shares, and the group's signature where they are enough for it. */
  evidence(height: number, block: string): BlockTss | null {
    const { group, rejected } = this.#options;
    const held = this.#held.get(height);
    if (held === undefined) return null;
    const message = this.#message(height, block);
    const ofBlock = group.ids.flatMap((member) => {
      const entry = held.get(member);
      return entry?.block === block ? [{ member, entry }] : [];
    });
    const unknown = ofBlock.flatMap(({ member, entry }) => {
      const signature = entry.signature === null ? parseSignature(entry.share) : null;
      return signature === null ? [] : [{ member, signature }];
    });
    const good = new Map(group.sift(message, unknown).map(({ member, signature }) => [member, signature]));
    const shares: Share[] = [];
    for (const { member, entry } of ofBlock) {
      entry.signature ??= good.get(member) ?? null;
      if (entry.signature !== null) {
        shares.push({ member, signature: entry.signature });
      } else {
        held.delete(member);
        rejected(member, height);
      }
    }
    if (shares.length === 0) return null;
    const combined = group.combine(shares);
    const evidence = {
      shares: shares.map(({ member, signature }) => ({ validator: member, share: signatureHex(signature) })),
      ...(combined && { signature: signatureHex(combined) }),
    };
    this.#learn(message, evidence);
    return evidence;
  }

  /** Whether a proposed block may carry this about the one before it: shares of members in their order, and all that is due is there and good. */
  isValid(height: number, block: string, evidence: BlockTss): boolean {
    const { group } = this.#options;
    const message = this.#message(height, block);
    const places = evidence.shares.map(({ validator }) => group.ids.indexOf(validator));
    const isOrdered = places.every((place, index) => place > (places[index - 1] ?? -1));
    const isDue = evidence.shares.length >= group.threshold;
    if (places.length === 0 || !isOrdered || isDue !== (evidence.signature !== undefined)) return false;
    const known = this.#known.message === message ? this.#known : nothingKnown;
    const shares: Share[] = [];
    for (const { validator, share } of evidence.shares) {
      if (known.shares.get(validator) === share) continue;
      const signature = parseSignature(share);
      if (signature === null) return false;
      shares.push({ member: validator, signature });
    }
    const isKnown = evidence.signature === undefined || evidence.signature === known.signature;
    const combined = isKnown ? undefined : parseSignature(evidence.signature ?? '');
    if (combined === null || !group.areValid(message, shares, combined)) return false;
    this.#learn(message, evidence);
    return true;
  }

  #learn(message: string, { shares, signature }: BlockTss): void {
    const before = this.#known.message === message ? this.#known : nothingKnown;
    const good = shares.map(({ validator, share }): [string, string] => [validator, share]);
    this.#known = { message, shares: new Map([...before.shares, ...good]), signature: signature ?? before.signature };
  }

  #message(height: number, block: string): string {
    return JSON.stringify(['tss', this.#options.chainId, height, block]);
  }
}
