import { blockHash, proposalBytes, voteBytes } from './chain.ts';
import type { Block, Commit, CommittedBlock, ConsensusMessage, Proposal, Vote, VoteKind } from './chain.ts';
import type { Sign } from './keys.ts';
import { RoundState } from './round-state.ts';
import { SignGuard } from './sign-guard.ts';
import type { ValidatorSet } from './validators.ts';
import type { SafetyRecord } from './write-ahead-log.ts';

interface ConsensusOptions {
  readonly chainId: string;
  readonly validators: ValidatorSet;
  /** Absent for a follower, which listens and never signs. */
  readonly self?: { readonly id: string; readonly sign: Sign };
  /** Time from one height's start to the next one's, in milliseconds; every time-out is derived from it. */
  readonly blockIntervalMs: number;
  /** Makes a fresh block for this height. */
  readonly propose: (height: number) => Block;
  /** Whether a block may follow the tip. */
  readonly isValid: (block: Block) => boolean;
}

export type TimerStep = 'wait' | 'propose' | VoteKind;

export interface Timer {
  readonly step: TimerStep;
  readonly height: number;
  readonly round: number;
  readonly delayMs: number;
}

export type Input =
  | { readonly type: 'start' }
  | { readonly type: 'advance'; readonly height: number }
  | { readonly type: 'message'; readonly message: ConsensusMessage }
  | { readonly type: 'timeout'; readonly timer: Timer };

/** To be carried out in this order: `persist` must be durable before anything is broadcast or decided. */
export interface Effects {
  readonly persist: SafetyRecord | null;
  readonly broadcast: readonly ConsensusMessage[];
  readonly timers: readonly Timer[];
  readonly decided: CommittedBlock | null;
}

const maxEarlyMessages = 1000;
/**
 * The Tendermint algorithm (arXiv:1807.04938) for one validator, as a state machine without input or output of its own: no
 * clock, no network, no disk. `handle` takes one input with the current time and returns what is to be done.
 */
export class Consensus {
  readonly #options: ConsensusOptions;
  #height: number;
  #round = 0;
  #step: 'wait' | 'propose' | VoteKind | 'decided' = 'wait';
  #locked: { readonly round: number; readonly block: Block } | null = null;
  #valid: { readonly round: number; readonly block: Block } | null = null;
  #rounds = new Map<number, RoundState>();
  #early: ConsensusMessage[] = [];
  #validity = new Map<string, boolean>();
  #running = false;
  #heightStartedAt = Number.NEGATIVE_INFINITY;
  #restored: SafetyRecord | null;
  readonly #guard = new SignGuard();
  #signed: ConsensusMessage[] = [];
  #timers: Timer[] = [];
  #decided: CommittedBlock | null = null;

  constructor(options: ConsensusOptions, height: number, restored: SafetyRecord | null) {
    this.#options = options;
    this.#height = height;
    this.#restored = restored?.height === height ? restored : null;
    for (const message of restored?.signed ?? []) this.#guard.note(message);
    for (const message of this.#restored?.signed ?? []) this.#store(message);
  }

  /** The height being decided. */
  get height(): number {
    return this.#height;
  }

  get round(): number {
    return this.#round;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  handle(input: Input, now: number): Effects {
    this.#apply(input, now);
    while (this.#applyRule(now));
    const persist = this.#signed.length > 0 ? this.#safetyRecord() : null;
    const effects = { persist, broadcast: this.#signed, timers: this.#timers, decided: this.#decided };
    this.#signed = [];
    this.#timers = [];
    this.#decided = null;
    return effects;
  }

  /** Names of all messages held for this height, to be compared by a peer that may hold others. */
  have(): string[] {
    return this.#messages().map(messageName);
  }

  /** Messages held for this height that a peer with these names lacks. */
  lacking(have: readonly string[]): ConsensusMessage[] {
    const known = new Set(have);
    return this.#messages().filter((message) => !known.has(messageName(message)));
  }

  #apply(input: Input, now: number): void {
    switch (input.type) {
      case 'start':
        if (this.#running) return;
        this.#running = true;
        this.#heightStartedAt = now;
        this.#resume();
        return;
      case 'advance':
        this.#advance(input.height, now);
        return;
      case 'message':
        this.#receive(input.message);
        return;
      case 'timeout':
        this.#timeout(input.timer, now);
        return;
    }
  }

  #resume(): void {
    const restored = this.#restored;
    this.#locked = restored?.locked ?? null;
    this.#valid = this.#locked;
    if (restored === null || restored.step === 'propose') {
      this.#startRound(restored?.round ?? 0);
    } else {
      this.#round = restored.round;
      this.#step = restored.step;
    }
  }

  #advance(height: number, now: number): void {
    this.#height = height;
    this.#round = 0;
    this.#step = 'wait';
    this.#locked = null;
    this.#valid = null;
    this.#restored = null;
    this.#rounds = new Map();
    this.#validity = new Map();
    if (this.#running) {
      const delayMs = Math.max(0, this.#heightStartedAt + this.#options.blockIntervalMs - now);
      this.#timers.push({ step: 'wait', height, round: 0, delayMs });
    }
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#receive(message);
  }

  #timeout({ step, height, round }: Timer, now: number): void {
    if (height !== this.#height || round !== this.#round) return;
    if (step === 'precommit' && this.#step !== 'decided') this.#startRound(round + 1);
    else if (step === 'wait' && this.#step === 'wait') this.#startHeight(now);
    else if (step === 'propose' && this.#step === 'propose') this.#vote('prevote', null);
    else if (step === 'prevote' && this.#step === 'prevote') this.#vote('precommit', null);
  }

  #startHeight(now: number): void {
    this.#heightStartedAt = now;
    this.#startRound(0);
  }

  #startRound(round: number): void {
    this.#round = round;
    this.#step = 'propose';
    this.#schedule('propose', 3 + round);
    const self = this.#options.self;
    if (self === undefined || this.#options.validators.proposer(this.#height, round) !== self.id) return;
    if (!this.#maySign('proposal', round)) return;
    const block = this.#valid?.block ?? this.#options.propose(this.#height);
    const validRound = this.#valid?.round ?? -1;
    const bytes = proposalBytes(this.#options.chainId, this.#height, round, validRound, blockHash(block));
    const { id: validator } = self;
    const signature = self.sign(bytes);
    this.#sign({ type: 'proposal', height: this.#height, round, validRound, block, validator, signature });
  }

  #vote(kind: VoteKind, block: string | null): void {
    this.#step = kind;
    const self = this.#options.self;
    if (self === undefined || !this.#maySign(kind, this.#round)) return;
    const content = { kind, height: this.#height, round: this.#round, block };
    const signature = self.sign(voteBytes(this.#options.chainId, content));
    this.#sign({ type: 'vote', ...content, validator: self.id, signature });
  }

  #maySign(step: 'proposal' | VoteKind, round: number): boolean {
    const self = this.#options.self;
    if (self === undefined || this.#options.validators.powerOf(self.id) === 0) return false;
    return this.#guard.allows(step, this.#height, round);
  }

  #sign(message: ConsensusMessage): void {
    this.#guard.note(message);
    this.#store(message);
    this.#signed.push(message);
  }

  #safetyRecord(): SafetyRecord {
    // A decision can follow within the same call; the last step that signs is then precommit.
    const step = this.#step === 'wait' || this.#step === 'decided' ? 'precommit' : this.#step;
    return { height: this.#height, round: this.#round, step, locked: this.#locked, signed: this.#signed };
  }

  #receive(message: ConsensusMessage): void {
    if (message.height === this.#height + 1 && this.#early.length < maxEarlyMessages) this.#early.push(message);
    if (message.height !== this.#height || this.#step === 'decided') return;
    const state = this.#rounds.get(message.round);
    const { chainId, validators } = this.#options;
    if (message.type === 'vote') {
      if (validators.powerOf(message.validator) === 0 || state?.tally(message.kind).isNews(message) === false) return;
      if (!validators.isSigned(message.validator, voteBytes(chainId, message), message.signature)) return;
    } else {
      const { round, validRound, validator, signature, block } = message;
      if (
        state?.isNews(message) === false ||
        validator !== validators.proposer(this.#height, round) ||
        validRound >= round
      )
        return;
      const bytes = proposalBytes(chainId, this.#height, round, validRound, blockHash(block));
      if (!validators.isSigned(validator, bytes, signature)) return;
    }
    // Our own signature, learnt back from a peer: it binds us like one we remember.
    if (message.validator === this.#options.self?.id) this.#guard.note(message);
    this.#store(message);
  }

  #store(message: ConsensusMessage): void {
    const state = this.#roundState(message.round);
    if (message.type === 'proposal') state.propose(message);
    else state.tally(message.kind).add(message);
  }

  #roundState(round: number): RoundState {
    let state = this.#rounds.get(round);
    if (state === undefined) {
      state = new RoundState(this.#options.validators);
      this.#rounds.set(round, state);
    }
    return state;
  }

  /** Applies the first rule that holds; true when something changed and the rules must be looked at again. */
  #applyRule(now: number): boolean {
    if (this.#step === 'decided') return false;
    if (this.#decide()) return true;
    if (!this.#running) return false;
    if (this.#skipRound(now)) return true;
    const state = this.#roundState(this.#round);
    switch (this.#step) {
      case 'wait':
        // The proposer was earlier than our own clock: follow it, so that the validators stay in step.
        if (state.proposal === null) return false;
        this.#startHeight(now);
        return true;
      case 'propose':
        return this.#prevote(state);
      case 'prevote':
        return this.#precommit(state);
      case 'precommit':
        return this.#endRound(state);
    }
  }

  #decide(): boolean {
    for (const [round, { precommits }] of this.#rounds) {
      const hash = precommits.decision;
      if (typeof hash !== 'string') continue;
      const block = this.#blockWith(hash);
      if (block === null) continue;
      this.#decided = { block, commit: commitOf(this.#height, round, hash, precommits.votes()) };
      this.#step = 'decided';
      return true;
    }
    return false;
  }

  #blockWith(hash: string): Block | null {
    for (const state of this.#rounds.values()) {
      const block = state.blockWith(hash);
      if (block !== null) return block;
    }
    return this.#locked !== null && blockHash(this.#locked.block) === hash ? this.#locked.block : null;
  }

  #skipRound(now: number): boolean {
    const { validators } = this.#options;
    for (const [round, state] of this.#rounds) {
      if (round <= this.#round) continue;
      const power = [...state.participants()].reduce((sum, id) => sum + validators.powerOf(id), 0);
      if (!validators.hasHonest(power)) continue;
      if (this.#step === 'wait') this.#heightStartedAt = now;
      this.#startRound(round);
      return true;
    }
    return false;
  }

  #prevote({ proposal }: RoundState): boolean {
    if (proposal === null) return false;
    const hash = blockHash(proposal.block);
    const { validRound } = proposal;
    if (validRound >= 0 && this.#rounds.get(validRound)?.prevotes.isQuorumFor(hash) !== true) return false;
    const locked = this.#locked;
    const isUnlocked = locked === null || locked.round <= validRound || blockHash(locked.block) === hash;
    this.#vote('prevote', isUnlocked && this.#isValid(proposal.block) ? hash : null);
    return true;
  }

  #precommit(state: RoundState): boolean {
    const decision = state.prevotes.decision;
    if (decision === null) {
      this.#vote('precommit', null);
      return true;
    }
    const block = decision === undefined ? null : state.blockWith(decision);
    if (block !== null && this.#isValid(block)) {
      this.#locked = { round: this.#round, block };
      this.#valid = this.#locked;
      this.#vote('precommit', blockHash(block));
      return true;
    }
    if (state.prevotes.hasQuorum) this.#scheduleOnce(state, 'prevote');
    return this.#endRound(state);
  }

  #endRound(state: RoundState): boolean {
    const { prevotes, precommits } = state;
    const block = typeof prevotes.decision === 'string' ? state.blockWith(prevotes.decision) : null;
    if (block !== null && (this.#valid?.round ?? -1) < this.#round && this.#isValid(block)) {
      this.#valid = { round: this.#round, block };
    }
    if (precommits.decision === null) {
      this.#startRound(this.#round + 1);
      return true;
    }
    if (precommits.hasQuorum) this.#scheduleOnce(state, 'precommit');
    return false;
  }

  #isValid(block: Block): boolean {
    const hash = blockHash(block);
    const known = this.#validity.get(hash) ?? (block.height === this.#height && this.#options.isValid(block));
    this.#validity.set(hash, known);
    return known;
  }

  #scheduleOnce(state: RoundState, step: VoteKind): void {
    if (state.scheduled.has(step)) return;
    state.scheduled.add(step);
    this.#schedule(step, 1 + this.#round / 2);
  }

  #schedule(step: TimerStep, intervals: number): void {
    const delayMs = intervals * this.#options.blockIntervalMs;
    this.#timers.push({ step, height: this.#height, round: this.#round, delayMs });
  }

  #messages(): ConsensusMessage[] {
    return [...this.#rounds.values()].flatMap((state) => state.messages());
  }
}

function messageName(message: Vote | Proposal): string {
  const step = message.type === 'vote' ? message.kind : message.type;
  // Short: enough to tell apart what one validator says of one step.
  const content = message.type === 'vote' ? (message.block ?? '') : blockHash(message.block);
  return `${message.round}/${step}/${message.validator}/${content.slice(0, 16)}`;
}

function commitOf(height: number, round: number, block: string, precommits: Iterable<Vote>): Commit {
  const signatures = [...precommits]
    .filter((vote) => vote.block === block)
    .map(({ validator, signature }) => ({ validator, signature }));
  return { height, round, block, signatures };
}
