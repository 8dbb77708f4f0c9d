import { blockHash } from './chain.ts';
import type { Block, Proposal, Vote, VoteKind } from './chain.ts';
import type { ValidatorSet } from './validators.ts';

/**
 * A validator that says different things to different peers is heard with each of them, up to so many: else two honest validators who heard
 * it differently could never show each other the quorum that binds one of them.
 */
const maxStatements = 4;

/** Votes of one kind in one round. A block's quorum is of distinct validators. */
class VoteTally {
  readonly #validators: ValidatorSet;
  /** By validator, in the order in which they were heard. */
  readonly #votes = new Map<string, Vote[]>();
  readonly #powers = new Map<string | null, number>();
  #total = 0;

  constructor(validators: ValidatorSet) {
    this.#validators = validators;
  }

  /** Whether this vote would change anything. */
  isNews({ validator, block }: Vote): boolean {
    const votes = this.#votes.get(validator) ?? [];
    return votes.length < maxStatements && votes.every((vote) => vote.block !== block);
  }

  add(vote: Vote): void {
    if (!this.isNews(vote)) return;
    const power = this.#validators.powerOf(vote.validator);
    const votes = this.#votes.get(vote.validator) ?? [];
    if (votes.length === 0) this.#total += power;
    this.#votes.set(vote.validator, [...votes, vote]);
    this.#powers.set(vote.block, (this.#powers.get(vote.block) ?? 0) + power);
  }

  votes(): Vote[] {
    return [...this.#votes.values()].flat();
  }

  /** Whether > 2/3 voted, for whatever. */
  get hasQuorum(): boolean {
    return this.#validators.isQuorum(this.#total);
  }

  isQuorumFor(block: string): boolean {
    return this.#validators.isQuorum(this.#powers.get(block) ?? 0);
  }

  /** What > 2/3 voted for: a block's hash, null (no block), or undefined while nothing has a quorum. */
  get decision(): string | null | undefined {
    for (const [block, power] of this.#powers) if (this.#validators.isQuorum(power)) return block;
    return undefined;
  }
}

/** Everything heard about one round of one height. */
export class RoundState {
  readonly #proposals: Proposal[] = [];
  readonly prevotes: VoteTally;
  readonly precommits: VoteTally;
  /** Time-outs already asked for. */
  readonly scheduled = new Set<VoteKind>();

  constructor(validators: ValidatorSet) {
    this.prevotes = new VoteTally(validators);
    this.precommits = new VoteTally(validators);
  }

  /** The one heard first: the only one that is voted on by itself. */
  get proposal(): Proposal | null {
    return this.#proposals[0] ?? null;
  }

  /** The block with this hash that was proposed in this round, also where its proposer had proposed another one before. */
  blockWith(hash: string): Block | null {
    return this.#proposals.find(({ block }) => blockHash(block) === hash)?.block ?? null;
  }

  isNews(proposal: Proposal): boolean {
    return this.#proposals.length < maxStatements && this.blockWith(blockHash(proposal.block)) === null;
  }

  propose(proposal: Proposal): void {
    if (this.isNews(proposal)) this.#proposals.push(proposal);
  }

  tally(kind: VoteKind): VoteTally {
    return kind === 'prevote' ? this.prevotes : this.precommits;
  }

  /** Who was heard in this round. */
  participants(): Set<string> {
    const ids = new Set<string>();
    if (this.proposal) ids.add(this.proposal.validator);
    for (const { validator } of this.prevotes.votes()) ids.add(validator);
    for (const { validator } of this.precommits.votes()) ids.add(validator);
    return ids;
  }

  messages(): (Proposal | Vote)[] {
    return [...this.#proposals, ...this.prevotes.votes(), ...this.precommits.votes()];
  }
}
