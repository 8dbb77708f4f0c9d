import type { SystemProfile } from '../spec/profile.ts';
import type { GateEvidence, GuardFailure } from './gate-evidence.ts';
import { GateJudge, type GateInput } from './gate-judge.ts';
import { judgedSystemOf } from './judged-system.ts';
import type { SlotReading } from './readings.ts';
import { SegmentRecorder } from './segment-recorder.ts';
import type { SlotFacts } from './slot-facts.ts';

/** Passed gates are not forgotten: their checks go on for every node that was changed. */
export interface Guards {
  readonly nodes: string[];
  readonly failure: GuardFailure | undefined;
  /** Takes over the nodes of a gate that passed. */
  add(passed: GateJudge, startedAtMs: number, startedMonoMs: number): void;
  /** Ends the guards of nodes that are about to be changed. */
  drop(nodes: readonly string[]): void;
  /** Ends all guards for a halt that was agreed to; `restore` begins them anew. A failure stands. */
  suspend(): void;
  restore(startedAtMs: number, startedMonoMs: number): void;
  /** Judges a slot; returns the failure when this slot brought it. */
  push(reading: SlotReading, facts: SlotFacts): GuardFailure | undefined;
  /** Ends all guards and forgets a failure. */
  stop(): void;
}

/** A guard's judge, and what it has seen as one segment that grows: a guard may go on for days. */
interface Guard {
  judge: GateJudge;
  recorder: SegmentRecorder;
}

export function createGuards(profile: SystemProfile): Guards {
  let guards: Guard[] = [];
  /** One watch over the quorum serves all guarded nodes. */
  let quorum: Guard | undefined;
  let failure: GuardFailure | undefined;
  let suspended: GateJudge[] = [];

  const guardOf = (input: GateInput): Guard => {
    const judge = new GateJudge(input, profile);
    const system = judgedSystemOf(profile, input.network.nodes.length);
    const checkNames = (node: string): readonly string[] => judge.checkNamesOf(node);
    return { judge, recorder: new SegmentRecorder({ input, system, checkNames, length: Infinity }) };
  };

  const drop = (nodes: readonly string[]): void => {
    for (const { judge } of guards) for (const node of nodes) judge.drop(node);
    guards = guards.filter(({ judge }) => judge.nodes.length > 0);
    for (const judge of suspended) for (const node of nodes) judge.drop(node);
    suspended = suspended.filter((judge) => judge.nodes.length > 0);
  };

  const add = (judged: GateJudge, startedAtMs: number, startedMonoMs: number): void => {
    const base: GateInput = { ...judged.input, kind: 'guard', startedAtMs, startedMonoMs };
    const nodes = judged.input.nodes
      .filter(({ name }) => judged.nodes.includes(name))
      .map((node) => {
        const established = judged.establishedOf(node.name);
        if (!established) return node;
        // The guard has a time of its own, in which the start was there from the beginning.
        const { instance, startedAtMs: nodeStartedAtMs, restartCount } = established;
        return { ...node, established: { instance, startedAtMs: nodeStartedAtMs, restartCount } };
      });
    guards.push(guardOf({ ...base, nodes, watchesQuorum: false }));
    quorum ??= guardOf({ ...base, nodes: [], watchesQuorum: true });
  };

  return {
    get nodes() {
      return guards.flatMap(({ judge }) => judge.nodes);
    },
    get failure() {
      return failure;
    },
    add,
    drop,
    suspend() {
      suspended.push(...guards.map(({ judge }) => judge));
      guards = [];
      quorum = undefined;
    },
    restore(startedAtMs, startedMonoMs) {
      for (const judge of suspended.splice(0)) add(judge, startedAtMs, startedMonoMs);
    },
    push(reading, facts) {
      if (failure) return undefined;
      for (const guard of quorum ? [quorum, ...guards] : guards) {
        const { judge, recorder } = guard;
        const decision = judge.push(reading, facts);
        if (judge.newest) recorder.add(judge.newest, reading);
        if (decision.kind === 'continue' || failure) continue;
        const { kind, reason, about } = decision;
        // Flapping and a lost quorum are about no single check.
        const { node, check } = about ?? { node: judge.nodes[0] ?? '*', check: decision.cause };
        const verdict = judge.verdict(decision);
        failure = { node, check, kind, reason, verdict, evidence: evidenceOf(guard) };
      }
      return failure;
    },
    stop() {
      guards = [];
      suspended = [];
      quorum = undefined;
      failure = undefined;
    },
  };
}

function evidenceOf({ judge: { input }, recorder }: Guard): GateEvidence {
  const rest = recorder.rest({ isEnd: true });
  const begun = rest?.begun;
  return {
    input,
    ...(begun && { system: begun.system }),
    identity: [],
    slots: [],
    ...(rest && { rest }),
  };
}
