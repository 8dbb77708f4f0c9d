import type { Verdict } from './decision.ts';
import { IdentityTracker, type EstablishedIdentity, type IntendedNode } from './identity-check.ts';
import type { JudgedNodeSlot } from './judged-slot.ts';
import type { SlotJudge } from './node-checks.ts';
import type { GateProfile } from './profiles.ts';
import { LeaderWatch } from './leader-watch.ts';
import { NodeStart, processStartOf } from './node-start.ts';
import type { NodeReading, SlotReading } from './readings.ts';
import { heightOf, type SlotFacts } from './slot-facts.ts';
import type { NodeCheck } from './supported-checks.ts';
import { SlotTally } from './tally.ts';
import type { Sample } from './verdict.ts';

/** One node that a gate judges. Plain data. */
export interface JudgedNode {
  name: string;
  intended?: IntendedNode;
  /** Wall time of the action; the node must have started after it. Absent when nothing was done to it. */
  actionAtMs?: number;
  /** The start that was there before the action. */
  instanceBefore?: string;
  /** Highest height of the network before the action; progress counts from here. */
  heightBefore?: number;
  /** Guards know what runs from the gate that passed. */
  established?: EstablishedIdentity;
}

export const missedSlot: Sample = { state: 'UNKNOWN', reason: 'slot-missed' };

/** A node under a gate: its identity, its checks with their samples, and whether it has done work since the action. */
export class WatchedNode {
  readonly node: JudgedNode;
  /** What is wrong with what runs, for people; empty when nothing is. */
  lastIdentity = 'nothing was seen';
  /** Changes of leader in the window that we did not cause. */
  leaderChanges = 0;
  readonly #tracker: IdentityTracker;
  readonly #start = new NodeStart();
  readonly #leaders: LeaderWatch;
  readonly #profile: GateProfile;
  readonly #checks: { judge: SlotJudge; tally: SlotTally }[];
  #identity: SlotTally;
  #heightBefore: number | undefined;
  #hasProgressed: boolean;
  #badSinceMs: number | undefined;
  #unknownSinceMs: number | undefined;

  /** `needsProgress`: the system has heights that must rise. */
  constructor(node: JudgedNode, checks: readonly NodeCheck[], profile: GateProfile, needsProgress: boolean) {
    this.node = node;
    this.#profile = profile;
    this.#leaders = new LeaderWatch(profile.windowSlots * profile.intervalMs);
    this.#tracker = new IdentityTracker({ ...node, node: node.name });
    this.#identity = this.#newIdentityTally();
    this.#checks = checks.flatMap(({ name, critical, advisory, judgeFor }) => {
      if (!judgeFor) return [];
      const about = { check: name, node: node.name, critical, advisory };
      const tally = new SlotTally(about, profile.windowSlots, profile.tailSlots);
      return [{ judge: judgeFor(node.name, node.intended), tally }];
    });
    this.#heightBefore = node.heightBefore;
    this.#hasProgressed = !needsProgress;
  }

  get established(): EstablishedIdentity | undefined {
    return this.#tracker.established;
  }

  get unplannedRestarts(): number {
    return this.#tracker.unplannedRestarts;
  }

  get hasProgressed(): boolean {
    return this.#hasProgressed;
  }

  /** Adds the tallies of all checks. */
  collect(tallies: SlotTally[]): void {
    tallies.push(this.#identity);
    for (const { tally } of this.#checks) tallies.push(tally);
  }

  /** Takes a look of the identity phase; true when what runs is right and answers. */
  identify(seen: NodeReading | undefined, elapsedMs: number): boolean {
    const sample = this.#judgeIdentity(seen, elapsedMs);
    this.#identity.push(sample);
    this.lastIdentity = sentenceOf(sample, seen);
    this.#badSinceMs = sample.state === 'BAD' ? (this.#badSinceMs ?? elapsedMs) : undefined;
    this.#unknownSinceMs = isBlind(sample) ? (this.#unknownSinceMs ?? elapsedMs) : undefined;
    return sample.state === 'OK' && seen?.liveness.ok === true;
  }

  /** Three slots running span two intervals, however often the identity phase looks; likewise for UNKNOWN. */
  identityVerdict(elapsedMs: number): Verdict | undefined {
    const { intervalMs, holdSlots } = this.#profile;
    const about = { check: 'identity', node: this.node.name };
    if (this.#badSinceMs !== undefined && elapsedMs - this.#badSinceMs >= 2 * intervalMs) {
      return { kind: 'FAIL', cause: 'identity', reason: this.lastIdentity, about };
    }
    if (this.#unknownSinceMs !== undefined && elapsedMs - this.#unknownSinceMs >= (holdSlots - 1) * intervalMs) {
      return { kind: 'HOLD', cause: 'unknown-run', reason: this.lastIdentity, about };
    }
    return undefined;
  }

  /** The looks of the identity phase are no slots. */
  forgetIdentityLooks(): void {
    this.#identity = this.#newIdentityTally();
  }

  /** Names of what `judge` gives samples of, in their order. */
  get checkNames(): string[] {
    return [this.#identity.check, ...this.#checks.map(({ tally }) => tally.check)];
  }

  /** Judges a slot without counting it. */
  judge(reading: SlotReading, facts: SlotFacts, elapsedMs: number): JudgedNodeSlot {
    const seen = reading.nodes[this.node.name];
    const judged = this.#judgeIdentity(seen, elapsedMs);
    const restart = this.#tracker.noteProcessStarts(this.#processStarts(seen, reading));
    const identity = judged.state === 'OK' && restart ? restart : judged;
    const samples = [identity, ...this.#checks.map(({ judge }) => judge(facts))];
    const { hasProgressed, unplannedRestarts, established } = this;
    const leaderChanges = this.#leaders.see(seen, facts, elapsedMs);
    const standing = { hasProgressed, unplannedRestarts, established, ...(leaderChanges > 0 && { leaderChanges }) };
    return { samples, standing };
  }

  /** Counts a slot; while the node settles, samples are discarded. */
  take({ samples, standing }: JudgedNodeSlot, counts: boolean): void {
    this.#hasProgressed = standing.hasProgressed;
    this.#tracker.established = standing.established;
    this.#tracker.takeOver(standing.unplannedRestarts);
    this.leaderChanges = standing.leaderChanges ?? 0;
    if (!counts) return;
    const [identity] = samples;
    if (identity) this.#identity.push(identity);
    // A plain loop: a week of slots is counted again when a soak is resumed.
    for (let index = 0; index < this.#checks.length; index++) {
      const sample = samples[index + 1];
      if (sample) this.#checks[index]?.tally.push(sample);
    }
  }

  /** Whether evidence from this time of the gate on was taken before the present start of the node was seen. */
  wasSeenAfter(elapsedMs: number): boolean {
    return (this.established?.seenElapsedMs ?? -Infinity) > elapsedMs;
  }

  /** Start times that the process has told since its present start: to the gate itself, or to Prometheus. */
  #processStarts(seen: NodeReading | undefined, reading: SlotReading): number[] {
    const runs = seen && this.#start.see(seen, reading);
    if (!runs) return [];
    const own = seen.metrics?.ok ? processStartOf(seen.metrics.value.samples) : undefined;
    // One teller is enough, and two may be seconds apart.
    if (own !== undefined) return [own];
    const { prometheus } = reading;
    if (!prometheus) return [];
    const nowMs = reading.atMs + prometheus.clockAheadMs;
    const starts = prometheus.targets[this.node.name]?.starts ?? [];
    return starts.filter(({ atMs }) => nowMs - atMs <= runs.ageMs).map(({ seconds }) => seconds);
  }

  #judgeIdentity(seen: NodeReading | undefined, elapsedMs: number): Sample {
    if (!seen) return missedSlot;
    const sample = this.#tracker.judge(seen, elapsedMs);
    if (sample.state === 'OK') this.#noteProgress(heightOf(seen));
    return sample;
  }

  /** Work done counts only when what was meant to run has done it. */
  #noteProgress(height: number | undefined): void {
    if (this.#hasProgressed || height === undefined) return;
    if (this.#heightBefore === undefined) this.#heightBefore = height;
    else if (height > this.#heightBefore) this.#hasProgressed = true;
  }

  #newIdentityTally(): SlotTally {
    const about = { check: 'identity', node: this.node.name, critical: true, advisory: false };
    return new SlotTally(about, this.#profile.windowSlots, this.#profile.tailSlots);
  }
}

/** The lab itself could not be asked; a node that is only leaving or not there yet is waited for. */
function isBlind(sample: Sample): boolean {
  return sample.state === 'UNKNOWN' && sample.reason !== 'identity-mismatch';
}

function sentenceOf(sample: Sample, seen: NodeReading | undefined): string {
  if (sample.state === 'BAD') return sample.detail;
  if (sample.state === 'UNKNOWN') return sample.detail ?? sample.reason;
  if (!seen || seen.liveness.ok) return '';
  const name = seen.observation.ok ? seen.observation.value.node : 'the node';
  return `${name} runs what was meant, but does not answer: ${seen.liveness.error ?? 'unknown'}`;
}
