import type { ConsensusMessage, VoteKind } from './chain.ts';

const stepRank = { proposal: 0, prevote: 1, precommit: 2 } as const;

type Position = readonly [height: number, round: number, rank: number];

/** Knows how far a validator has signed: at or before that point nothing is ever signed again. */
export class SignGuard {
  #signedUpTo: Position = [0, 0, 0];

  note(message: ConsensusMessage): void {
    const step = message.type === 'proposal' ? 'proposal' : message.kind;
    const position: Position = [message.height, message.round, stepRank[step]];
    if (isAfter(position, this.#signedUpTo)) this.#signedUpTo = position;
  }

  allows(step: 'proposal' | VoteKind, height: number, round: number): boolean {
    return isAfter([height, round, stepRank[step]], this.#signedUpTo);
  }
}

function isAfter(position: Position, other: Position): boolean {
  const at = position.findIndex((value, index) => value !== other[index]);
  return at !== -1 && (position[at] ?? 0) > (other[at] ?? 0);
}
