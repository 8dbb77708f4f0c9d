import { blockHash } from './chain.ts';
import type { CommittedBlock } from './chain.ts';
import type { ValidatorSet } from './validators.ts';
import type { BlocksRequest } from './wire.ts';

const requestDeadlineMs = 1000;

interface SyncRequest {
  readonly peer: string;
  readonly message: BlocksRequest;
}

/** Decides whom to ask for missing blocks: one request at a time, another peer after a deadline or a useless answer. */
export class BlockSync {
  readonly #heights = new Map<string, number>();
  #pending: { readonly peer: string; readonly deadline: number } | null = null;
  #lastPeer = '';

  /** Highest height that a connected peer claims; 0 without peers. */
  get bestHeight(): number {
    return Math.max(0, ...this.#heights.values());
  }

  peers(): Iterable<string> {
    return this.#heights.keys();
  }

  heard(peer: string, height: number): void {
    this.#heights.set(peer, height);
  }

  lost(peer: string): void {
    this.#heights.delete(peer);
    if (this.#pending?.peer === peer) this.#pending = null;
  }

  /** The next request for blocks above our height, if one is due now. */
  next(ownHeight: number, now: number): SyncRequest | null {
    if (this.#pending !== null && now < this.#pending.deadline) return null;
    const ahead = [...this.#heights].filter(([, height]) => height > ownHeight).map(([peer]) => peer);
    // The one after the last asked, so that a silent peer is not asked again while another could answer.
    const peer = ahead.find((id) => id > this.#lastPeer) ?? ahead[0];
    if (peer === undefined) return null;
    this.#lastPeer = peer;
    this.#pending = { peer, deadline: now + requestDeadlineMs };
    return { peer, message: { type: 'blocks-request', from: ownHeight + 1 } };
  }

  /** Whether this peer was asked; its claim is dropped when the answer was of no use. */
  answered(peer: string, isUseful: boolean): void {
    if (this.#pending?.peer === peer) this.#pending = null;
    // Asked last and useful: it may be asked again at once.
    if (isUseful) this.#lastPeer = '';
    else this.#heights.set(peer, 0);
  }

  isAwaiting(peer: string): boolean {
    return this.#pending?.peer === peer;
  }
}

/** The leading blocks of an answer that follow our tip and carry > 2/3 of the power's precommits. */
export function verifiedBlocks(
  chainId: string,
  validators: ValidatorSet,
  tip: { readonly height: number; readonly hash: string },
  blocks: readonly CommittedBlock[],
): CommittedBlock[] {
  const verified: CommittedBlock[] = [];
  let { height, hash } = tip;
  for (const { block, commit } of blocks) {
    // What we already have by now, from votes, is passed over.
    if (block.height <= height) continue;
    const isNext = block.height === height + 1 && block.previousHash === hash;
    const isDecided = commit.height === block.height && commit.block === blockHash(block);
    if (!isNext || !isDecided || !validators.isCommitted(chainId, commit)) break;
    verified.push({ block, commit });
    height = block.height;
    hash = commit.block;
  }
  return verified;
}
