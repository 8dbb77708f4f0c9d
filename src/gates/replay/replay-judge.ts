import { decide, harmSeen, lackOfData, type Decision, type Verdict } from '../decision.ts';
import type { SlotJudge } from '../node-checks.ts';
import type { GateProfile } from '../profiles.ts';
import type { SlotReading } from '../readings.ts';
import { slotFacts, type NetworkFacts } from '../slot-facts.ts';
import type { NodeCheck } from '../supported-checks.ts';
import { SlotTally } from '../tally.ts';
import type { GateVerdict } from '../verdict.ts';
import { isLaterStart } from '../node-start.ts';

export interface ReplayInput {
  timings: GateProfile;
  network: NetworkFacts;
  nodes: readonly string[];
  /** Those that Prometheus alone can answer. */
  checks: readonly NodeCheck[];
}

/**
 * Judges the past slot by slot as a gate and then its guards would have: once the gate has passed, the same checks go on to the end and only
 * harm or a lack of data still ends it. Pure.
 */
export class ReplayJudge {
  readonly #input: ReplayInput;
  readonly #judged: { judge: SlotJudge; tally: SlotTally }[];
  readonly #starts = new Map<string, number>();
  readonly #restarts = new Map<string, number>();
  #slots = 0;
  #elapsedMs = 0;
  /** When the gate passed, in ms since the first slot. */
  passedAtMs: number | undefined;

  constructor(input: ReplayInput) {
    this.#input = input;
    const { windowSlots, tailSlots } = input.timings;
    this.#judged = input.nodes.flatMap((node) =>
      input.checks.flatMap(({ name, critical, advisory, judgeFor }) => {
        if (!judgeFor) return [];
        const tally = new SlotTally({ check: name, node, critical, advisory }, windowSlots, tailSlots);
        return [{ judge: judgeFor(node, undefined), tally }];
      }),
    );
  }

  /** Restarts of one node that the metrics tell of, at most. */
  get restarts(): number {
    return Math.max(0, ...this.#restarts.values());
  }

  push(reading: SlotReading): Decision {
    const { timings, network } = this.#input;
    this.#slots++;
    this.#elapsedMs = reading.monoMs;
    this.#noteStarts(reading);
    const facts = slotFacts(reading, network);
    for (const { judge, tally } of this.#judged) {
      const sample = judge(facts);
      if (sample) tally.push(sample);
    }
    const deciding = this.#judged.map(({ tally }) => tally).filter(({ advisory }) => !advisory);
    const context = { elapsedMs: this.#elapsedMs, unplannedRestarts: this.restarts, leaderChanges: 0 };
    if (this.passedAtMs !== undefined) {
      return harmSeen(deciding, timings, context) ?? lackOfData(deciding, timings) ?? { kind: 'continue' };
    }
    const decision = decide(deciding, timings, { ...context, withoutProgress: [], withStaleEvidence: [] });
    if (decision.kind !== 'PASS') return decision;
    this.passedAtMs = this.#elapsedMs;
    return { kind: 'continue' };
  }

  verdict(decision: Verdict): GateVerdict {
    return {
      kind: decision.kind,
      cause: decision.cause,
      reason: decision.reason,
      weak: this.#input.timings.isWeak,
      slots: this.#slots,
      elapsedMs: Math.round(this.#elapsedMs),
      checks: this.#judged.map(({ tally }) => tally.summary()),
    };
  }

  /** What it comes to when nothing ended it before the end of the past that was asked for. */
  end(): Verdict {
    const { fullSlots } = this.#input.timings;
    const seconds = (ms: number): number => Math.round(ms / 100) / 10;
    if (this.passedAtMs !== undefined) {
      const reason = `passed after ${seconds(this.passedAtMs)} s and stayed good to the end`;
      return { kind: 'PASS', cause: 'window-full', reason };
    }
    const reason =
      this.#slots < fullSlots
        ? `the time asked for holds ${this.#slots} slots, the gate needs ${fullSlots}`
        : `no verdict within the ${seconds(this.#elapsedMs)} s that were asked for`;
    return { kind: 'INCONCLUSIVE', cause: 'deadline-insufficient', reason };
  }

  #noteStarts({ prometheus }: SlotReading): void {
    for (const node of this.#input.nodes) {
      const seconds = prometheus?.targets[node]?.starts.at(-1)?.seconds;
      if (seconds === undefined) continue;
      if (isLaterStart(this.#starts.get(node), seconds)) this.#restarts.set(node, (this.#restarts.get(node) ?? 0) + 1);
      this.#starts.set(node, seconds);
    }
  }
}
