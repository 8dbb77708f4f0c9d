import { sha256 } from './keys.ts';
import { transactionId } from './transaction.ts';
import type { Transaction } from './transaction.ts';

export interface Block {
  readonly height: number;
  readonly previousHash: string;
  /** App hash after the previous block: what all validators agreed to have computed. */
  readonly appHash: string;
  /** Milliseconds since the epoch on the proposer's clock, always later than the previous block's. */
  readonly time: number;
  readonly proposer: string;
  readonly transactions: readonly Transaction[];
  /** Signature shares over the previous block; absent where there are none. */
  readonly tss?: BlockTss;
}

/** What a block shows of the threshold signature over the block before it. */
export interface BlockTss {
  /** Good shares, in the order of the group's members. */
  readonly shares: readonly { readonly validator: string; readonly share: string }[];
  /** The group's signature; there exactly where the shares are enough for it. */
  readonly signature?: string;
}

export type VoteKind = 'prevote' | 'precommit';

export interface Vote {
  readonly type: 'vote';
  readonly kind: VoteKind;
  readonly height: number;
  readonly round: number;
  /** Hash of the block voted for; null is a vote against every block of this round. */
  readonly block: string | null;
  readonly validator: string;
  readonly signature: string;
}

export interface Proposal {
  readonly type: 'proposal';
  readonly height: number;
  readonly round: number;
  /** Earlier round in which > 2/3 prevoted for this block, -1 for a fresh block. */
  readonly validRound: number;
  readonly block: Block;
  readonly validator: string;
  readonly signature: string;
}

export type ConsensusMessage = Vote | Proposal;

/** The proof that a block was decided: precommits of > 2/3 of the voting power in one round. */
export interface Commit {
  readonly height: number;
  readonly round: number;
  readonly block: string;
  readonly signatures: readonly { readonly validator: string; readonly signature: string }[];
}

export interface CommittedBlock {
  readonly block: Block;
  readonly commit: Commit;
}

const hashes = new WeakMap<Block, string>();

/** Covers every field; the chain id is covered through the genesis hash at the root of `previousHash`. */
export function blockHash(block: Block): string {
  let hash = hashes.get(block);
  if (hash === undefined) {
    const { height, previousHash, appHash, time, proposer, transactions, tss } = block;
    const fields: unknown[] = [height, previousHash, appHash, time, proposer, transactions.map(transactionId)];
    if (tss) fields.push([tss.shares.map(({ validator, share }) => [validator, share]), tss.signature ?? null]);
    hash = sha256(JSON.stringify(fields));
    hashes.set(block, hash);
  }
  return hash;
}

export function voteBytes(chainId: string, vote: Omit<Vote, 'type' | 'validator' | 'signature'>): Buffer {
  return Buffer.from(JSON.stringify(['vote', chainId, vote.kind, vote.height, vote.round, vote.block]));
}

export function proposalBytes(
  chainId: string,
  height: number,
  round: number,
  validRound: number,
  hash: string,
): Buffer {
  return Buffer.from(JSON.stringify(['proposal', chainId, height, round, validRound, hash]));
}
