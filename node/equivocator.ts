import { blockHash, proposalBytes, voteBytes } from './chain.ts';
import type { Block, ConsensusMessage, Proposal, Vote } from './chain.ts';
import type { Sign } from './keys.ts';

interface EquivocatorOptions {
  readonly chainId: string;
  readonly id: string;
  /** All validators; whether a peer's place among them is even or odd decides which of two messages it gets first. */
  readonly ids: readonly string[];
  readonly sign: Sign;
  /** How long another validator must have been away before it begins; 0: it never waits. */
  readonly awayMs: number;
}

const rememberedRounds = 64;

/**
 * What makes a validator vote twice: for every message that it signs it signs a second one that says something else, and half of its
 * peers hear the one first, half the other. A clean release has none; of four validators one may be like this, and two must not.
 */
export class Equivocator {
  /** Until everybody who votes has been heard, the two proposals of another one like this included. */
  readonly holdMs = 30;
  readonly #options: EquivocatorOptions;
  /** Hashes of the blocks proposed in a round, by `height/round`. */
  readonly #proposed = new Map<string, Set<string>>();
  #wasComplete = false;
  #awaySince = Number.POSITIVE_INFINITY;

  constructor(options: EquivocatorOptions) {
    this.#options = options;
  }

  /** While all are there it votes like any other, so that nothing is seen of it in good weather. */
  isActive(connected: ReadonlySet<string>, now: number): boolean {
    const { ids, id, awayMs } = this.#options;
    if (awayMs === 0) return true;
    const isComplete = ids.every((other) => other === id || connected.has(other));
    if (isComplete) this.#wasComplete = true;
    this.#awaySince = isComplete ? Number.POSITIVE_INFINITY : Math.min(this.#awaySince, now);
    return this.#wasComplete && now - this.#awaySince >= awayMs;
  }

  /** Remembers a block that was proposed. */
  note({ height, round, block }: Proposal): void {
    const place = `${height}/${round}`;
    this.#proposed.set(place, (this.#proposed.get(place) ?? new Set()).add(blockHash(block)));
    for (const oldest of this.#proposed.keys()) {
      if (this.#proposed.size <= rememberedRounds) break;
      this.#proposed.delete(oldest);
    }
  }

  /** The two messages in the order in which this peer is to hear them; one, where there is nothing else to say. */
  messagesFor(peer: string, message: ConsensusMessage, twin: ConsensusMessage | null): ConsensusMessage[] {
    if (twin === null) return [message];
    const isSmaller = contentOf(message) < contentOf(twin);
    return isSmaller === this.#hearsSmallerFirst(peer) ? [message, twin] : [twin, message];
  }

  /** Signs the opposite. */
  twinOf(message: ConsensusMessage): ConsensusMessage | null {
    return message.type === 'proposal' ? this.#otherProposal(message) : this.#otherVote(message);
  }

  #otherProposal(proposal: Proposal): Proposal {
    const { height, round, validRound, block } = proposal;
    const mayFollow = (other: Block): boolean =>
      blockHash(block) < blockHash(other) === this.#hearsSmallerFirst(this.#options.id);
    // Its own block must be the one that it hears first itself; half of all others fit.
    let other: Block;
    let laterMs = 1;
    do other = { ...block, time: block.time + laterMs++ };
    while (!mayFollow(other));
    const bytes = proposalBytes(this.#options.chainId, height, round, validRound, blockHash(other));
    const twin = { ...proposal, block: other, signature: this.#options.sign(bytes) };
    this.note(proposal);
    this.note(twin);
    return twin;
  }

  #otherVote(vote: Vote): Vote | null {
    const { kind, height, round } = vote;
    const others = [...(this.#proposed.get(`${height}/${round}`) ?? []), null].filter((block) => block !== vote.block);
    const [block] = others;
    if (block === undefined) return null;
    const bytes = voteBytes(this.#options.chainId, { kind, height, round, block });
    return { ...vote, block, signature: this.#options.sign(bytes) };
  }

  #hearsSmallerFirst(id: string): boolean {
    return this.#options.ids.indexOf(id) % 2 === 0;
  }
}

function contentOf(message: ConsensusMessage): string {
  return message.type === 'proposal' ? blockHash(message.block) : (message.block ?? '');
}
