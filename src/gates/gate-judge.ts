import type { SystemProfile } from '../spec/profile.ts';
import { decide, harmSeen, lackOfData, type Decision, type DecisionContext, type Verdict } from './decision.ts';
import type { GatePhase, GateProgress } from './gate-progress.ts';
import type { EstablishedIdentity } from './identity-check.ts';
import type { JudgedNodeSlot, JudgedSlot } from './judged-slot.ts';
import type { GateProfile } from './profiles.ts';
import { judgeQuorum } from './quorum-check.ts';
import type { SlotReading } from './readings.ts';
import { slotFacts, type NetworkFacts, type SlotFacts } from './slot-facts.ts';
import { supportedChecks } from './supported-checks.ts';
import { SlotTally } from './tally.ts';
import type { GateVerdict, Sample } from './verdict.ts';
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
  #settledAtElapsedMs: number | undefined;
  #lastSlot: number | undefined;
  #lastElapsedMs = 0;
  #slots = 0;
  #newest: JudgedSlot | undefined;
  /** What is added to the number of a reading: after a pause the readings are numbered anew, the gate's grid goes on. */
  #slotShift: number | undefined = 0;

  constructor(input: GateInput, system: SystemProfile) {
    this.input = input;
    this.#system = system;
    this.phase = input.kind === 'gate' ? 'identity' : 'observe';
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

  /** What the last slot was judged to be. */
  get newest(): JudgedSlot | undefined {
    return this.#newest;
  }

  /** Checks of a node in the order of its samples. */
  checkNamesOf(node: string): readonly string[] {
    return this.#watched.get(node)?.checkNames ?? [];
  }

  establishedOf(node: string): EstablishedIdentity | undefined {
    return this.#watched.get(node)?.established;
  }

  /**
   * The identity phase: is what runs what was meant, and does it answer? Such readings are taken more often than slots, and
   * only of the judged nodes. The phase ends with the first reading in which all are right.
   */
  pushIdentity(reading: SlotReading): Decision {
    const { profile } = this.input;
    const elapsedMs = this.#elapsedAt(reading.monoMs);
    this.#remember(elapsedMs);
    let isRight = true;
    for (const watched of this.#watched.values()) {
      if (!watched.identify(reading.nodes[watched.node.name], elapsedMs)) isRight = false;
    }
    const flap = harmSeen([], profile, this.#context(elapsedMs));
    if (flap) return flap;
    for (const watched of this.#watched.values()) {
      const verdict = watched.identityVerdict(elapsedMs);
      if (verdict) return verdict;
    }
    if (isRight) {
      this.phase = 'settle';
      this.#settledAtElapsedMs = undefined;
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
    const elapsedMs = this.#elapsedAt(reading.monoMs);
    const slot = this.#slotOf(reading.slot, elapsedMs);
    this.#enter(slot, elapsedMs);
    const nodes = new Map<string, JudgedNodeSlot>();
    for (const [name, watched] of this.#watched) nodes.set(name, watched.judge(reading, facts, elapsedMs));
    const quorum = this.#quorumSample(facts);
    this.#take({ slot, atMs: Math.round(reading.atMs), elapsedMs, nodes, ...(quorum && { quorum }) });
    return this.#decide();
  }

  /** The same for a slot that was judged before, here or in another process; the readings are not needed again. */
  replay(judged: JudgedSlot): Decision {
    this.restore(judged);
    return this.#decide();
  }

  /** Takes a slot that is known not to have ended the gate. */
  restore(judged: JudgedSlot): void {
    // Slots of the grid come only after the identity was seen.
    if (this.phase === 'identity') this.phase = 'settle';
    if (judged.nodes.size < this.#watched.size) {
      for (const name of this.nodes) if (!judged.nodes.has(name)) this.drop(name);
    }
    this.#enter(judged.slot, judged.elapsedMs);
    this.#take(judged);
    this.#slotShift = undefined;
  }

  /** Whether the judged nodes are still in the middle of their change at this time. */
  isChangingAt(monoMs: number): boolean {
    if (this.phase === 'observe') return false;
    const elapsedMs = this.#elapsedAt(monoMs);
    return (
      this.phase === 'identity' || elapsedMs < (this.#settledAtElapsedMs ?? elapsedMs + this.input.profile.settleMs)
    );
  }

  /** The time is up although no slot could be read any more. Always decides when the deadline has passed. */
  expire(_atMs: number, monoMs: number): Decision {
    this.#remember(this.#elapsedAt(monoMs));
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
      elapsedMs: this.#lastElapsedMs,
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
    const context = this.#context(this.#lastElapsedMs);
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
    const windowStartMs = this.#lastElapsedMs - (fullSlots - 1) * intervalMs;
    return {
      elapsedMs,
      unplannedRestarts: watched.reduce((most, one) => Math.max(most, one.unplannedRestarts), 0),
      leaderChanges: watched.reduce((most, one) => Math.max(most, one.leaderChanges), 0),
      // The next slot is the second probe.
      stopCondition: this.#quorumBadRun >= 2 ? `the quorum is lost: ${this.#quorumDetail}` : undefined,
      withoutProgress: watched.filter(({ hasProgressed }) => !hasProgressed).map(({ node }) => node.name),
      withStaleEvidence: watched.filter((one) => one.wasSeenAfter(windowStartMs)).map(({ node }) => node.name),
    };
  }

  /** While a node is being changed its power counts as present; the plan has accepted that. Afterwards the truth counts. */
  #quorumSample(facts: SlotFacts): Sample | undefined {
    if (!this.#quorum) return undefined;
    const { network } = this.input;
    const present = new Set(
      network.availability === 'halt-allowed' && this.input.kind !== 'preflight' ? facts.leftOut : [],
    );
    if (this.phase !== 'observe') for (const { name } of this.input.nodes) present.add(name);
    return judgeQuorum(facts, present, this.#system.progress?.maxLag);
  }

  /** Goes on to a slot: what lies between was missed, and a node that was settling may have settled. */
  #enter(slot: number, elapsedMs: number): void {
    this.#pushMissed(slot);
    this.#remember(elapsedMs);
    this.#lastSlot = slot;
    if (this.phase !== 'settle') return;
    this.#settledAtElapsedMs ??= elapsedMs + this.input.profile.settleMs;
    if (elapsedMs >= this.#settledAtElapsedMs) this.phase = 'observe';
  }

  /** Counts what a slot was judged to be. */
  #take(judged: JudgedSlot): void {
    this.#newest = judged;
    const counts = this.phase === 'observe';
    if (counts) this.#slots++;
    const { quorum, nodes } = judged;
    if (this.#quorum && quorum) {
      if (counts) this.#quorum.push(quorum);
      this.#quorumBadRun = quorum.state === 'BAD' ? this.#quorumBadRun + 1 : 0;
      if (quorum.state === 'BAD') this.#quorumDetail = quorum.detail;
    }
    for (const [name, watched] of this.#watched) {
      const slot = nodes.get(name);
      if (slot) watched.take(slot, counts);
    }
  }

  #slotOf(readingSlot: number, elapsedMs: number): number {
    if (this.#slotShift === undefined) {
      const sinceLast = Math.round((elapsedMs - this.#lastElapsedMs) / this.input.profile.intervalMs);
      this.#slotShift = (this.#lastSlot ?? -1) + Math.max(1, sinceLast) - readingSlot;
    }
    return readingSlot + this.#slotShift;
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

  #remember(elapsedMs: number): void {
    this.#lastElapsedMs = elapsedMs;
  }

  #elapsedAt(monoMs: number): number {
    return Math.round(monoMs - this.input.startedMonoMs);
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
