import { describe, expect, test } from 'vitest';
import { blockHash, proposalBytes, voteBytes } from '../../../node/chain.ts';
import type { Block, ConsensusMessage, Proposal, Vote, VoteKind } from '../../../node/chain.ts';
import { Consensus } from '../../../node/consensus.ts';
import type { Effects } from '../../../node/consensus.ts';
import type { SafetyRecord } from '../../../node/write-ahead-log.ts';
import { testChain } from './identities.ts';

const chain = testChain();
const { validators } = chain;
const intervalMs = chain.genesis.blockIntervalMs;

function blockBy(proposer: string, height = 1): Block {
  return { height, previousHash: 'p', appHash: 'a', time: 1, proposer, transactions: [] };
}

function vote(validator: string, kind: VoteKind, round: number, block: string | null, height = 1): Vote {
  const content = { kind, height, round, block };
  const signature = chain.sign(validator)(voteBytes('test', content));
  return { type: 'vote', ...content, validator, signature };
}

function proposal(block: Block, round = 0, validRound = -1): Proposal {
  const { height } = block;
  const validator = validators.proposer(height, round);
  const signature = chain.sign(validator)(proposalBytes('test', height, round, validRound, blockHash(block)));
  return { type: 'proposal', height, round, validRound, block, validator, signature };
}

const block = blockBy('validator-0');
const hash = blockHash(block);
const other = blockBy('validator-1');
const otherHash = blockHash(other);

/** One validator under test, with short names for what may happen to it. */
class Subject {
  readonly core: Consensus;
  saved: SafetyRecord | null = null;

  constructor(self: string | null = 'validator-2', restored: SafetyRecord | null = null, isValid = true) {
    const options = {
      chainId: 'test',
      validators,
      ...(self !== null && { self: { id: self, sign: chain.sign(self) } }),
      blockIntervalMs: intervalMs,
      propose: (height: number) => blockBy(self ?? '', height),
      isValid: () => isValid,
    };
    this.core = new Consensus(options, 1, restored);
  }

  start(): Effects {
    return this.#keep(this.core.handle({ type: 'start' }, 0));
  }

  hear(...messages: ConsensusMessage[]): Effects {
    const all = messages.map((message) => this.#keep(this.core.handle({ type: 'message', message }, 0)));
    return {
      persist: all.map(({ persist }) => persist).find((persist) => persist !== null) ?? null,
      broadcast: all.flatMap(({ broadcast }) => broadcast),
      timers: all.flatMap(({ timers }) => timers),
      decided: all.map(({ decided }) => decided).find((decided) => decided !== null) ?? null,
    };
  }

  timeOut(step: 'propose' | VoteKind, round = 0): Effects {
    return this.#keep(this.core.handle({ type: 'timeout', timer: { step, height: 1, round, delayMs: 0 } }, 0));
  }

  #keep(effects: Effects): Effects {
    if (effects.persist !== null) {
      this.saved = { ...effects.persist, signed: [...(this.saved?.signed ?? []), ...effects.persist.signed] };
    }
    return effects;
  }
}

function votes({ broadcast }: Effects): string[] {
  return broadcast.map((message) => {
    if (message.type === 'proposal') return `proposal ${message.round}`;
    const choice = message.block === null ? 'nil' : message.block === hash ? 'block' : 'other';
    return `${message.kind} ${message.round} ${choice}`;
  });
}

function started(self: string | null = 'validator-2'): Subject {
  const subject = new Subject(self);
  subject.start();
  return subject;
}

/** Locked on `block` since round 0, now in round 1. */
function locked(): Subject {
  const subject = started();
  subject.hear(proposal(block), vote('validator-0', 'prevote', 0, hash), vote('validator-1', 'prevote', 0, hash));
  subject.hear(vote('validator-0', 'precommit', 0, null), vote('validator-3', 'precommit', 0, null));
  subject.timeOut('precommit');
  expect(subject.core.round).toBe(1);
  return subject;
}

describe('proposing and prevoting', () => {
  test('the proposer of the round proposes and prevotes its block, remembered in one record', () => {
    const effects = new Subject('validator-0').start();
    expect(votes(effects)).toEqual(['proposal 0', 'prevote 0 block']);
    expect(effects.persist?.signed).toEqual(effects.broadcast);
  });

  test('a valid proposal is prevoted, an invalid one is voted against', () => {
    expect(votes(started().hear(proposal(block)))).toEqual(['prevote 0 block']);
    const picky = new Subject('validator-2', null, false);
    picky.start();
    expect(votes(picky.hear(proposal(block)))).toEqual(['prevote 0 nil']);
  });

  test('without a proposal in time the vote is nil', () => {
    expect(votes(started().timeOut('propose'))).toEqual(['prevote 0 nil']);
  });

  test('a proposal from another than the proposer, or with a wrong signature, is ignored', () => {
    const good = proposal(block);
    const subject = started();
    const bytes = proposalBytes('test', 1, 0, -1, otherHash);
    const foreign = { ...good, block: other, validator: 'validator-1', signature: chain.sign('validator-1')(bytes) };
    expect(votes(subject.hear(foreign, { ...good, block: other }))).toEqual([]);
    expect(votes(subject.hear(good))).toEqual(['prevote 0 block']);
  });
});

describe('precommitting', () => {
  const prevotes = ['validator-0', 'validator-1'].map((id) => vote(id, 'prevote', 0, hash));

  test('takes prevotes of more than two thirds', () => {
    const subject = started();
    expect(votes(subject.hear(proposal(block), vote('validator-0', 'prevote', 0, hash)))).toEqual(['prevote 0 block']);
    expect(votes(subject.hear(vote('validator-1', 'prevote', 0, hash)))).toEqual(['precommit 0 block']);
  });

  test('is nil after prevotes for nil, and waits once when the prevotes are split', () => {
    const nil = started();
    nil.timeOut('propose');
    const against = ['validator-0', 'validator-1'].map((id) => vote(id, 'prevote', 0, null));
    expect(votes(nil.hear(...against))).toEqual(['precommit 0 nil']);

    const split = started();
    const effects = split.hear(proposal(block), ...against, vote('validator-3', 'prevote', 0, null));
    expect(effects.timers.map(({ step }) => step)).toEqual(['prevote']);
    expect(votes(effects)).toEqual(['prevote 0 block', 'precommit 0 nil']);
  });

  test('counts one vote per validator, and none with a wrong signature', () => {
    const subject = started();
    subject.hear(proposal(block));
    const [first] = prevotes as [Vote];
    const forged = { ...first, validator: 'validator-1' };
    const twice = vote('validator-0', 'prevote', 0, null);
    expect(votes(subject.hear(first, first, twice, forged))).toEqual([]);
  });
});

describe('a lock', () => {
  test('makes the validator vote against another block in a later round', () => {
    expect(votes(locked().hear(proposal(other, 1)))).toEqual(['prevote 1 nil']);
  });

  test('lets it vote for the same block again', () => {
    expect(votes(locked().hear(proposal(block, 1, 0)))).toEqual(['prevote 1 block']);
  });

  test('is given up for a block that more than two thirds prevoted in a later round', () => {
    const subject = locked();
    subject.hear(proposal(other, 1));
    subject.timeOut('prevote', 1);
    const nils = ['validator-0', 'validator-1', 'validator-3'].map((id) => vote(id, 'precommit', 1, null));
    subject.hear(...nils);
    expect(subject.core.round).toBe(2);
    // validator-2 proposes in round 2: its own locked block.
    const third = ['validator-0', 'validator-1', 'validator-3'].map((id) => vote(id, 'precommit', 2, null));
    subject.hear(...third);
    expect(subject.core.round).toBe(3);
    const polka = ['validator-0', 'validator-1', 'validator-3'].map((id) => vote(id, 'prevote', 1, otherHash));
    expect(votes(subject.hear(proposal(other, 3, 1)))).toEqual([]);
    expect(votes(subject.hear(...polka))).toEqual(['prevote 3 other']);
  });

  test('is not given up for a claim without the prevotes that prove it', () => {
    const subject = locked();
    expect(votes(subject.hear(proposal(other, 1, 0)))).toEqual([]);
    expect(votes(subject.timeOut('propose', 1))).toEqual(['prevote 1 nil']);
  });
});

describe('deciding', () => {
  const precommits = ['validator-0', 'validator-1', 'validator-3'].map((id) => vote(id, 'precommit', 0, hash));

  test('takes the block and precommits of more than two thirds, in any order', () => {
    const early = started();
    expect(early.hear(...precommits).decided).toBeNull();
    const decided = early.hear(proposal(block)).decided;
    expect(decided?.block).toEqual(block);
    expect(decided && validators.isCommitted('test', decided.commit)).toBe(true);
    expect(started().hear(proposal(block), ...precommits.slice(1)).decided).toBeNull();
  });

  test('also happens for an earlier round than the current one', () => {
    const follower = started(null);
    follower.timeOut('propose');
    follower.hear(vote('validator-0', 'prevote', 1, null), vote('validator-1', 'prevote', 1, null));
    expect(follower.core.round).toBe(1);
    expect(follower.hear(proposal(block), ...precommits).decided?.commit.round).toBe(0);
  });

  test('is possible for a follower, which never signs', () => {
    const effects = started(null).hear(proposal(block), ...precommits);
    expect(effects.decided?.block).toEqual(block);
    expect(effects.broadcast).toEqual([]);
  });

  test('is followed by a wait for the rest of the block interval', () => {
    const subject = started();
    subject.hear(proposal(block), ...precommits);
    const { timers } = subject.core.handle({ type: 'advance', height: 2 }, 60);
    expect(timers).toEqual([{ step: 'wait', height: 2, round: 0, delayMs: intervalMs - 60 }]);
  });
});

describe('rounds', () => {
  test('have time-outs that grow with their number', () => {
    const subject = new Subject();
    const delays = [subject.start().timers[0]?.delayMs];
    for (const round of [1, 3]) {
      const ahead = [vote('validator-0', 'prevote', round, null), vote('validator-1', 'prevote', round, null)];
      delays.push(subject.hear(...ahead).timers[0]?.delayMs);
    }
    expect(delays).toEqual([3 * intervalMs, 4 * intervalMs, 6 * intervalMs]);
  });

  test('are skipped once more than a third of the power is in a later one', () => {
    const subject = started();
    subject.hear(vote('validator-0', 'prevote', 5, null));
    expect(subject.core.round).toBe(0);
    subject.hear(vote('validator-3', 'precommit', 5, null));
    expect(subject.core.round).toBe(5);
  });
});

describe('after a restart', () => {
  test('a validator never signs another vote for a step in which it has signed', () => {
    const before = started();
    before.hear(proposal(block), vote('validator-0', 'prevote', 0, hash), vote('validator-1', 'prevote', 0, hash));
    expect(before.saved?.signed).toHaveLength(2);
    const after = new Subject('validator-2', before.saved);
    const steps = [after.start(), after.timeOut('propose'), after.timeOut('prevote'), after.hear(proposal(block))];
    expect(steps.flatMap((effects) => votes(effects))).toEqual([]);
    expect(after.core.have()).toContain(`0/precommit/validator-2/${hash.slice(0, 16)}`);
  });

  test('a proposer does not propose again in the same round', () => {
    const before = new Subject('validator-0');
    before.start();
    const after = new Subject('validator-0', before.saved);
    expect(votes(after.start())).toEqual([]);
    expect(after.core.lacking([])).toEqual(before.core.lacking([]));
  });

  test('a lock still holds', () => {
    const after = new Subject('validator-2', locked().saved);
    after.start();
    after.hear(...['validator-0', 'validator-1', 'validator-3'].map((id) => vote(id, 'precommit', 0, null)));
    expect(after.core.round).toBe(1);
    expect(votes(after.hear(proposal(other, 1)))).toEqual(['prevote 1 nil']);
  });

  test('a vote of its own that it no longer remembers binds it once a peer returns it', () => {
    const subject = started();
    subject.hear(vote('validator-2', 'prevote', 0, hash));
    expect(votes(subject.timeOut('propose'))).toEqual([]);
  });

  test('nothing is signed at a height below the last signed one', () => {
    const record = {
      height: 9,
      round: 0,
      step: 'prevote',
      locked: null,
      signed: [vote('validator-2', 'prevote', 0, hash, 9)],
    };
    const subject = new Subject('validator-2', record as SafetyRecord);
    expect([subject.start(), subject.hear(proposal(block))].flatMap((effects) => votes(effects))).toEqual([]);
  });
});

test('A validator names what it holds and gives what another lacks', () => {
  const subject = started();
  subject.hear(proposal(block), vote('validator-3', 'prevote', 0, null));
  const short = hash.slice(0, 16);
  const names = [`0/proposal/validator-0/${short}`, `0/prevote/validator-2/${short}`, '0/prevote/validator-3/'];
  expect(subject.core.have()).toEqual(names);
  expect(subject.core.lacking([names[0] ?? '', names[1] ?? ''])).toEqual([vote('validator-3', 'prevote', 0, null)]);
});

describe('a validator that says two things', () => {
  const both = (id: string, kind: 'prevote' | 'precommit') => [vote(id, kind, 0, otherHash), vote(id, kind, 0, hash)];

  test('is counted for each of them, but once in each', () => {
    const subject = started();
    subject.hear(proposal(block), ...both('validator-3', 'prevote'));
    expect(votes(subject.hear(...both('validator-3', 'prevote'), vote('validator-3', 'prevote', 0, null)))).toEqual([]);
    expect(votes(subject.hear(vote('validator-1', 'prevote', 0, hash)))).toEqual(['precommit 0 block']);
  });

  test('cannot keep a validator from the block that was decided by proposing another one to it first', () => {
    const subject = started();
    subject.hear(proposal(other));
    const precommits = ['validator-0', 'validator-1', 'validator-3'].map((id) => vote(id, 'precommit', 0, hash));
    expect(subject.hear(...precommits).decided).toBeNull();
    expect(subject.hear(proposal(block)).decided?.block).toEqual(block);
  });

  test('is heard with four things at most', () => {
    const subject = started();
    const things = ['a', 'b', 'c', 'd', 'e'].map((name) => vote('validator-3', 'prevote', 0, name.repeat(64)));
    subject.hear(...things);
    expect(subject.core.have().filter((name) => name.includes('validator-3'))).toHaveLength(4);
  });
});

test('Messages of the next height are kept until it begins', () => {
  const subject = started();
  const next = blockBy('validator-1', 2);
  subject.hear(proposal(next));
  subject.hear(
    proposal(block),
    ...['validator-0', 'validator-1', 'validator-3'].map((id) => vote(id, 'precommit', 0, hash)),
  );
  const effects = subject.core.handle({ type: 'advance', height: 2 }, 10);
  expect(effects.broadcast.map(({ height, type }) => [height, type])).toEqual([[2, 'vote']]);
});
