import type { Proposal, Vote, VoteKind } from './chain.ts';
import type { ValidatorSet } from './validators.ts';

/** Votes of one kind in one round: the first of each validator counts, a second one is ignored. */
class VoteTally {
  readonly #validators: ValidatorSet;
  readonly #votes = new Map<string, Vote>();
  readonly #powers = new Map<string | null, number>();
  #total = 0;

  constructor(validators: ValidatorSet) {
    this.#validators = validators;
  }

  has(validator: string): boolean {
    return this.#votes.has(validator);
  }

  add(vote: Vote): void {
    const power = this.#validators.powerOf(vote.validator);
    this.#votes.set(vote.validator, vote);
    this.#powers.set(vote.block, (this.#powers.get(vote.block) ?? 0) + power);
    this.#total += power;
  }

  votes(): Iterable<Vote> {
    return this.#votes.values();
  }

  /** Whether > 2/3 voted, for whatever. */
  get hasQuorum(): boolean {
    return this.#validators.isQuorum(this.#total);
  }

  /** What > 2/3 voted for: a block's hash, null (no block), or undefined while nothing has a quorum. */
  get decision(): string | null | undefined {
    for (const [block, power] of this.#powers) if (this.#validators.isQuorum(power)) return block;
    return undefined;
  }
}

/** Everything heard about one round of one height. */
export class RoundState {
  proposal: Proposal | null = null;
  readonly prevotes: VoteTally;
  readonly precommits: VoteTally;
  /** Time-outs already asked for. */
  readonly scheduled = new Set<VoteKind>();

  constructor(validators: ValidatorSet) {
    this.prevotes = new VoteTally(validators);
    this.precommits = new VoteTally(validators);
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
    return [...(this.proposal ? [this.proposal] : []), ...this.prevotes.votes(), ...this.precommits.votes()];
  }
}
