import type { SystemProfile } from '../spec/profile.ts';
import type { Decision, Verdict } from './decision.ts';
import type { GateEvidence } from './gate-evidence.ts';
import { GateJudge, type GateInput } from './gate-judge.ts';
import type { GatePhase } from './gate-progress.ts';
import type { GateResult } from './gate-requests.ts';
import type { SlotReading } from './readings.ts';
import type { SlotFacts } from './slot-facts.ts';

/** A gate that is under way: its judge, what it has seen, and the promise of its verdict. */
export class RunningGate {
  readonly judge: GateJudge;
  readonly evidence: GateEvidence;
  /** Rejects when the gate was cancelled, or on a defect. */
  readonly result: Promise<GateResult>;
  /** Slots from before this time on the monotonic clock are not this gate's. */
  #fromMonoMs = Infinity;
  readonly #onPhase: (phase: GatePhase | 'preflight') => void;
  readonly #end: (result: GateResult) => void;
  readonly #fail: (error: unknown) => void;

  constructor(input: GateInput, profile: SystemProfile, onPhase: (phase: GatePhase | 'preflight') => void) {
    this.judge = new GateJudge(input, profile);
    this.evidence = { input, identity: [], slots: [] };
    this.#onPhase = onPhase;
    const { promise, resolve, reject } = Promise.withResolvers<GateResult>();
    this.result = promise;
    this.#end = resolve;
    this.#fail = reject;
    onPhase(input.kind === 'preflight' ? 'preflight' : this.judge.phase);
  }

  takeSlotsFrom(monoMs: number): void {
    this.#fromMonoMs = monoMs;
  }

  pushIdentity(reading: SlotReading): Decision {
    this.evidence.identity.push(reading);
    return this.#tellingPhase(() => this.judge.pushIdentity(reading));
  }

  pushSlot(reading: SlotReading, facts: SlotFacts): Decision {
    if (reading.monoMs < this.#fromMonoMs) return { kind: 'continue' };
    this.evidence.slots.push(reading);
    return this.#tellingPhase(() => this.judge.push(reading, facts));
  }

  /** The deadline has passed and no slot came to say so. */
  expire(atMs: number, monoMs: number): void {
    this.evidence.expired = { atMs, monoMs };
    const decision = this.judge.expire(atMs, monoMs);
    if (decision.kind !== 'continue') this.end(decision);
  }

  end(verdict: Verdict): void {
    this.#end({ verdict: this.judge.verdict(verdict), evidence: this.evidence });
  }

  fail(error: unknown): void {
    this.#fail(error);
  }

  #tellingPhase(push: () => Decision): Decision {
    const before = this.judge.phase;
    const decision = push();
    if (this.judge.phase !== before) this.#onPhase(this.judge.phase);
    return decision;
  }
}
