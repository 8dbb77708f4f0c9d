import type { SystemProfile } from '../spec/profile.ts';
import type { Decision, Verdict } from './decision.ts';
import type { GateEvidence } from './gate-evidence.ts';
import { GateJudge, type GateInput } from './gate-judge.ts';
import type { GatePhase } from './gate-progress.ts';
import type { GateResult } from './gate-requests.ts';
import type { GateSegment } from './gate-segment.ts';
import { judgedSystemOf } from './judged-system.ts';
import type { SlotReading } from './readings.ts';
import type { RestoredGate } from './restore-gate.ts';
import { SegmentRecorder } from './segment-recorder.ts';
import type { SlotFacts } from './slot-facts.ts';

/** A gate that may take more slots than this is kept in segments. */
const longGateSlots = 720;
/** A killed run loses no more of a long gate. */
const segmentMs = 10 * 60_000;
const minSegmentSlots = 60;

/** Stores a segment, durable when it resolves, and returns its evidence hash. */
export type SegmentSink = (segment: GateSegment) => Promise<string>;

export interface RunningGateOptions {
  input: GateInput;
  profile: SystemProfile;
  onPhase: (phase: GatePhase | 'preflight') => void;
  /** Without it a long gate keeps every reading in memory. */
  storeSegment?: SegmentSink | undefined;
  /** A gate that another process began, and the hashes of its segments. */
  restored?: { gate: RestoredGate; segments: readonly string[] } | undefined;
}

/** A gate that is under way: its judge, what it has seen, and the promise of its verdict. */
export class RunningGate {
  readonly judge: GateJudge;
  readonly evidence: GateEvidence;
  /** Rejects when the gate was cancelled, or on a defect. */
  readonly result: Promise<GateResult>;
  /** Slots from before this time on the monotonic clock are not this gate's. */
  #fromMonoMs = Infinity;
  #isOver = false;
  #lastLook: string | undefined;
  #equalLooks = 0;
  readonly #recorder: SegmentRecorder | undefined;
  readonly #stored: Promise<string>[];
  readonly #options: RunningGateOptions;
  readonly #end: (result: GateResult) => void;
  readonly #fail: (error: unknown) => void;

  constructor(options: RunningGateOptions) {
    const { input, profile, restored, storeSegment } = options;
    this.#options = options;
    this.judge = restored?.gate.judge ?? new GateJudge(input, profile);
    const system = restored?.gate.system ?? judgedSystemOf(profile, input.network.nodes.length);
    this.evidence = { input, system, identity: [], slots: [] };
    const { deadlineMs, intervalMs } = input.profile;
    const isLong = deadlineMs / intervalMs > longGateSlots;
    this.#stored = (restored?.segments ?? []).map((hash) => Promise.resolve(hash));
    if (restored || (isLong && storeSegment)) {
      this.#recorder = new SegmentRecorder({
        input,
        system,
        checkNames: (node) => this.judge.checkNamesOf(node),
        length: Math.max(minSegmentSlots, Math.round(segmentMs / intervalMs)),
        firstIndex: this.#stored.length,
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<GateResult>();
    this.result = promise;
    this.#end = resolve;
    this.#fail = reject;
    options.onPhase(input.kind === 'preflight' ? 'preflight' : this.judge.phase);
  }

  takeSlotsFrom(monoMs: number): void {
    this.#fromMonoMs = monoMs;
  }

  pushIdentity(reading: SlotReading): Decision {
    const decision = this.#tellingPhase(() => this.judge.pushIdentity(reading));
    this.#keepLook(reading);
    return decision;
  }

  pushSlot(reading: SlotReading, facts: SlotFacts): Decision {
    if (this.#isOver || reading.monoMs < this.#fromMonoMs) return { kind: 'continue' };
    const decision = this.#tellingPhase(() => this.judge.push(reading, facts));
    if (!this.#recorder) this.evidence.slots.push(reading);
    else {
      this.evidence.slots = [reading];
      const { newest } = this.judge;
      const full = newest && this.#recorder.add(newest, reading);
      if (full) this.#store(full);
    }
    return decision;
  }

  /** The deadline has passed and no slot came to say so. */
  expire(atMs: number, monoMs: number): void {
    if (this.#isOver) return;
    this.evidence.expired = { atMs, monoMs };
    const decision = this.judge.expire(atMs, monoMs);
    if (decision.kind !== 'continue') this.end(decision);
  }

  end(verdict: Verdict): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const result: GateResult = { verdict: this.judge.verdict(verdict), evidence: this.evidence };
    if (!this.#recorder) {
      this.#end(result);
      return;
    }
    const rest = this.#recorder.rest({ isEnd: true });
    if (rest) this.evidence.rest = rest;
    // Nothing is decided on what is not on the disk.
    Promise.all(this.#stored).then(
      (segments) => {
        this.evidence.segments = segments;
        this.#end(result);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  fail(error: unknown): void {
    this.#isOver = true;
    this.#fail(error);
  }

  /** A long gate may wait for days; of looks that showed the same, the first and the last lead to the same decision. */
  #keepLook(reading: SlotReading): void {
    const { identity } = this.evidence;
    const seen = `${this.judge.phase} ${this.judge.progress().summary}`;
    this.#equalLooks = seen === this.#lastLook ? this.#equalLooks + 1 : 0;
    this.#lastLook = seen;
    if (this.#recorder && this.#equalLooks > 1) identity.pop();
    identity.push(reading);
  }

  #store(segment: GateSegment): void {
    const { storeSegment } = this.#options;
    if (!storeSegment) throw new Error(`gate ${segment.gateId} has a segment and nowhere to store it`);
    const stored = storeSegment(segment);
    this.#stored.push(stored);
    stored.catch((error: unknown) => this.fail(error));
  }

  #tellingPhase(push: () => Decision): Decision {
    const before = this.judge.phase;
    const decision = push();
    if (this.judge.phase !== before) this.#options.onPhase(this.judge.phase);
    return decision;
  }
}
