import type { SystemProfile } from '../spec/profile.ts';
import { decide, harmSeen, lackOfData, type Decision, type DecisionContext, type Verdict } from './decision.ts';
import type { GatePhase, GateProgress } from './gate-progress.ts';
import type { EstablishedIdentity } from './identity-check.ts';
import type { GateProfile } from './profiles.ts';
import { judgeQuorum } from './quorum-check.ts';
import type { SlotReading } from './readings.ts';
import { slotFacts, type NetworkFacts, type SlotFacts } from './slot-facts.ts';
import { supportedChecks } from './supported-checks.ts';
import { SlotTally } from './tally.ts';
import type { GateVerdict } from './verdict.ts';
import { missedSlot, WatchedNode, type JudgedNode } from './watched-node.ts';

/** All that a verdict depends on beside the readings and the system's profile. Plain data. */
export interface GateInput {
  gateId: string;
  /** A guard never passes; it only ends with harm or with a lack of data. */
  kind: 'preflight' | 'gate' | 'guard';
  profile: GateProfile;
  network: NetworkFacts;
  nodes: JudgedNode[];
  hasPrometheus: boolean;
  /** Guards leave the quorum to the one guard that watches it for all. */
  watchesQuorum: boolean;
  startedAtMs: number;
  startedMonoMs: number;
}

/**
 * Turns readings into a verdict. A reducer without a clock and without I/O: the same readings in the same order give the same
 * verdict, now or years later.
 */
export class GateJudge {
  readonly input: GateInput;
  phase: GatePhase;
  readonly #system: SystemProfile;
  readonly #watched = new Map<string, WatchedNode>();
  readonly #quorum: SlotTally | undefined;
  #quorumBadRun = 0;
  #quorumDetail = '';
  #settledAtMonoMs: number | undefined;
  #lastSlot: number | undefined;
  #lastAtMs: number;
  #lastMonoMs: number;
  #slots = 0;

  constructor(input: GateInput, system: SystemProfile) {
    this.input = input;
    this.#system = system;
    this.phase = input.kind === 'gate' ? 'identity' : 'observe';
    this.#lastAtMs = input.startedAtMs;
    this.#lastMonoMs = input.startedMonoMs;
    const { network, hasPrometheus, profile } = input;
    const windowMs = profile.windowSlots * profile.intervalMs;
    const { checks } = supportedChecks(system, { network, hasPrometheus, windowMs });
    const needsProgress = system.progress !== undefined;
    for (const node of input.nodes) {
      this.#watched.set(node.name, new WatchedNode(node, checks, profile, needsProgress));
    }
    if (input.watchesQuorum && network.quorum !== 'none') {
      const about = { check: 'quorum', node: '*', critical: true, advisory: false };
      this.#quorum = new SlotTally(about, profile.windowSlots, profile.tailSlots);
    }
  }

  /** Names of the nodes that are still judged. */
  get nodes(): string[] {
    return [...this.#watched.keys()];
  }

  /** Stops judging a node, because it is about to be changed. */
  drop(node: string): void {
    this.#watched.delete(node);
  }

  establishedOf(node: string): EstablishedIdentity | undefined {
    return this.#watched.get(node)?.established;
  }

  /**
   * The identity phase: is what runs what was meant, and does it answer? Such readings are taken more often than slots, and
   * only of the judged nodes. The phase ends with the first reading in which all are right.
   */
  pushIdentity(reading: SlotReading): Decision {
    this.#remember(reading);
    const { profile } = this.input;
    const elapsedMs = this.#elapsedMs();
    let isRight = true;
    for (const watched of this.#watched.values()) {
      if (!watched.identify(reading.nodes[watched.node.name], reading.monoMs)) isRight = false;
    }
    const flap = harmSeen([], profile, this.#context(elapsedMs));
    if (flap) return flap;
    for (const watched of this.#watched.values()) {
      const verdict = watched.identityVerdict(reading.monoMs);
      if (verdict) return verdict;
    }
    if (isRight) {
      this.phase = 'settle';
      this.#settledAtMonoMs = undefined;
      for (const watched of this.#watched.values()) watched.forgetIdentityLooks();
      return { kind: 'continue' };
    }
    if (elapsedMs * 3 < profile.deadlineMs) return { kind: 'continue' };
    const wrong = [...this.#watched.values()].map(({ lastIdentity }) => lastIdentity).filter((text) => text !== '');
    const seconds = Math.round(elapsedMs / 100) / 10;
    return {
      kind: 'FAIL',
      cause: 'identity',
      reason: `not the intended state within ${seconds} s: ${wrong.join('; ')}`,
    };
  }

  /** One slot of the grid. Slots between this one and the last were missed and count as such. */
  push(reading: SlotReading, facts: SlotFacts = slotFacts(reading, this.input.network)): Decision {
    const { profile } = this.input;
    this.#pushMissed(reading.slot);
    this.#remember(reading);
    this.#lastSlot = reading.slot;
    if (this.phase === 'settle') {
      this.#settledAtMonoMs ??= reading.monoMs + profile.settleMs;
      if (reading.monoMs >= this.#settledAtMonoMs) this.phase = 'observe';
    }
    const counts = this.phase === 'observe';
    if (counts) this.#slots++;
    this.#judgeQuorum(facts, counts);
    for (const watched of this.#watched.values()) watched.push(reading, facts, counts);
    return this.#decide();
  }

  /** Whether the judged nodes are still in the middle of their change at this time. */
  isChangingAt(monoMs: number): boolean {
    if (this.phase === 'observe') return false;
    return this.phase === 'identity' || monoMs < (this.#settledAtMonoMs ?? monoMs + this.input.profile.settleMs);
  }

  /** The time is up although no slot could be read any more. Always decides when the deadline has passed. */
  expire(atMs: number, monoMs: number): Decision {
    this.#lastAtMs = atMs;
    this.#lastMonoMs = monoMs;
    return this.#decide();
  }

  /** The verdict as it is journalled. */
  verdict(decision: Verdict): GateVerdict {
    const summaries = this.#tallies().map((tally) => tally.summary());
    return {
      kind: decision.kind,
      cause: decision.cause,
      reason: decision.reason,
      weak: this.input.profile.isWeak,
      slots: this.#slots,
      elapsedMs: Math.round(this.#elapsedMs()),
      checks: summaries,
    };
  }

  /** How far the gate is, for people. */
  progress(): GateProgress {
    const deciding = this.#tallies().filter(({ advisory }) => !advisory);
    const not = deciding.filter(({ badRun, unknownRun }) => badRun + unknownRun > 0);
    const { fullSlots } = this.input.profile;
    const nodes = this.nodes;
    if (this.phase === 'identity') {
      const waiting = [...this.#watched.values()].map(({ lastIdentity }) => lastIdentity).filter((text) => text !== '');
      return { nodes, phase: this.phase, slot: 0, summary: waiting.join('; ') };
    }
    const names = not.map(({ check, node }) => (node === '*' ? check : `${check} of ${node}`));
    const summary =
      `${deciding.length - not.length} of ${deciding.length} checks are OK` +
      (names.length > 0 ? `, not: ${names.join(', ')}` : '') +
      `; ${Math.min(this.#slots, fullSlots)} of ${fullSlots} slots`;
    return { nodes, phase: this.phase, slot: this.#slots, summary };
  }

  #decide(): Decision {
    const { kind, profile } = this.input;
    const context = this.#context(this.#elapsedMs());
    const tallies = this.#tallies();
    if (this.phase !== 'observe' && context.elapsedMs < profile.deadlineMs) {
      return harmSeen([], profile, context) ?? { kind: 'continue' };
    }
    if (kind === 'guard') {
      const deciding = tallies.filter(({ advisory }) => !advisory);
      return harmSeen(deciding, profile, context) ?? lackOfData(deciding, profile) ?? { kind: 'continue' };
    }
    const decision = decide(tallies, profile, context);
    return kind === 'preflight' ? blockedByUnknown(decision, tallies) : decision;
  }

  #context(elapsedMs: number): DecisionContext {
    const watched = [...this.#watched.values()];
    const { fullSlots, intervalMs } = this.input.profile;
    const windowStartMs = this.#lastAtMs - (fullSlots - 1) * intervalMs;
    return {
      elapsedMs,
      unplannedRestarts: watched.reduce((most, one) => Math.max(most, one.unplannedRestarts), 0),
      // No profile tells who leads yet.
      leaderChanges: 0,
      // The next slot is the second probe.
      stopCondition: this.#quorumBadRun >= 2 ? `the quorum is lost: ${this.#quorumDetail}` : undefined,
      withoutProgress: watched.filter(({ hasProgressed }) => !hasProgressed).map(({ node }) => node.name),
      withStaleEvidence: watched.filter((one) => one.startedAfter(windowStartMs)).map(({ node }) => node.name),
    };
  }

  /** While a node is being changed its power counts as present; the plan has accepted that. Afterwards the truth counts. */
  #judgeQuorum(facts: SlotFacts, counts: boolean): void {
    if (!this.#quorum) return;
    const { network } = this.input;
    const present = new Set(
      network.availability === 'halt-allowed' && this.input.kind !== 'preflight' ? facts.leftOut : [],
    );
    if (this.phase !== 'observe') for (const { name } of this.input.nodes) present.add(name);
    const sample = judgeQuorum(facts, present, this.#system.progress?.maxLag);
    if (counts) this.#quorum.push(sample);
    this.#quorumBadRun = sample.state === 'BAD' ? this.#quorumBadRun + 1 : 0;
    if (sample.state === 'BAD') this.#quorumDetail = sample.detail;
  }

  #pushMissed(slot: number): void {
    if (this.phase !== 'observe' || this.#lastSlot === undefined) return;
    // More than two windows of nothing say no more than two windows.
    const gap = Math.min(slot - this.#lastSlot - 1, this.input.profile.windowSlots * 2);
    for (let index = 0; index < gap; index++) {
      this.#slots++;
      for (const tally of this.#tallies()) tally.push(missedSlot);
    }
  }

  #remember(reading: SlotReading): void {
    this.#lastAtMs = reading.atMs;
    this.#lastMonoMs = reading.monoMs;
  }

  #elapsedMs(): number {
    return this.#lastMonoMs - this.input.startedMonoMs;
  }

  #tallies(): SlotTally[] {
    const tallies: SlotTally[] = this.#quorum ? [this.#quorum] : [];
    for (const watched of this.#watched.values()) watched.collect(tallies);
    return tallies;
  }
}

/** What was never known before the first action could never be judged after it. */
function blockedByUnknown(decision: Decision, tallies: readonly SlotTally[]): Decision {
  if (decision.kind !== 'HOLD' && decision.kind !== 'INCONCLUSIVE') return decision;
  const never = tallies.find((tally) => !tally.advisory && tally.known === 0);
  if (!never) return decision;
  const what = never.node === '*' ? never.check : `${never.check} of ${never.node}`;
  return {
    kind: decision.kind,
    cause: 'never-known',
    reason: `${what} never gave a known sample (${never.lastUnknown ?? 'no slot seen'})`,
  };
}
