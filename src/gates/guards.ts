import type { SystemProfile } from '../spec/profile.ts';
import type { GuardFailure } from './gate-evidence.ts';
import { GateJudge, type GateInput } from './gate-judge.ts';
import type { SlotReading } from './readings.ts';
import type { SlotFacts } from './slot-facts.ts';

/** Passed gates are not forgotten: their checks go on for every node that was changed. */
export interface Guards {
  readonly nodes: string[];
  readonly failure: GuardFailure | undefined;
  /** Takes over the nodes of a gate that passed. */
  add(passed: GateJudge, startedAtMs: number, startedMonoMs: number): void;
  /** Ends the guards of nodes that are about to be changed. */
  drop(nodes: readonly string[]): void;
  /** Judges a slot; returns the failure when this slot brought it. */
  push(reading: SlotReading, facts: SlotFacts): GuardFailure | undefined;
  /** Ends all guards and forgets a failure. */
  stop(): void;
}

export function createGuards(profile: SystemProfile): Guards {
  let judges: GateJudge[] = [];
  /** One watch over the quorum serves all guarded nodes. */
  let quorum: GateJudge | undefined;
  let failure: GuardFailure | undefined;

  const drop = (nodes: readonly string[]): void => {
    for (const judge of judges) for (const node of nodes) judge.drop(node);
    judges = judges.filter((judge) => judge.nodes.length > 0);
  };

  return {
    get nodes() {
      return judges.flatMap((judge) => judge.nodes);
    },
    get failure() {
      return failure;
    },
    add(passed, startedAtMs, startedMonoMs) {
      const base: GateInput = { ...passed.input, kind: 'guard', startedAtMs, startedMonoMs };
      const nodes = passed.input.nodes.map((node) => {
        const established = passed.establishedOf(node.name);
        return established ? { ...node, established } : node;
      });
      judges.push(new GateJudge({ ...base, nodes, watchesQuorum: false }, profile));
      quorum ??= new GateJudge({ ...base, nodes: [], watchesQuorum: true }, profile);
    },
    drop,
    push(reading, facts) {
      if (failure) return undefined;
      for (const judge of quorum ? [quorum, ...judges] : judges) {
        const decision = judge.push(reading, facts);
        if (decision.kind === 'continue' || failure) continue;
        const { kind, reason, about } = decision;
        // Flapping and a lost quorum are about no single check.
        const { node, check } = about ?? { node: judge.nodes[0] ?? '*', check: decision.cause };
        failure = { node, check, kind, reason, verdict: judge.verdict(decision) };
      }
      return failure;
    },
    stop() {
      judges = [];
      quorum = undefined;
      failure = undefined;
    },
  };
}
