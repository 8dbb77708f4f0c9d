import { UsageError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { FaultKind } from '../../faults/fault-spec.ts';
import { quorumBudget } from '../../gates/quorum-budget.ts';
import type { FaultGround } from '../runbook.ts';
import { shuffled } from './draw.ts';
import { drawFault, type DrawnFault } from './draw-fault.ts';

export interface SequenceRequest {
  /** What faults are worked out from. */
  ground: FaultGround;
  /** Whole number from 0; only its low 32 bits count. */
  seed: number;
  /** Kinds that the lab can do. */
  kinds: readonly FaultKind[];
  /** Releases that nodes are moved between; with less than two there are no upgrades. */
  versionCount: number;
  /** Faults may take the quorum away. */
  mayHalt: boolean;
  /** The sequence is so long that it takes at least this time, in ms. */
  forMs: number;
  /** The longest that one fault lasts, in ms. The shortest is half of it. */
  holdMs: number;
}

/** One step of a sequence. It does not depend on those before it: any of them can be left out. */
export interface ChaosStep {
  /** From 1. */
  number: number;
  /** Healed at the end of the step. */
  fault?: DrawnFault['fault'];
  /** While the fault acts, if there is one: this node goes so many releases further, round and round. */
  change?: { node: string; shift: number };
}

/** A plan, its journal and its report stay such as people can read. */
const mostSteps = 1_000;
/** The end of a fault is looked at four times, a second apart. */
const healMs = 3_000;
/** What the shortest gate takes at least, for nodes that were kept from their work and for one that was changed. */
const healedGateMs = 4_500;
const changeMs = 5_500;

/**
 * Draws a sequence of faults and changes of releases. Pure, and every step has a stream of its own: the same seed gives the same step, whatever
 * else is left out. No step goes beyond what the testnet can bear. Empty when it can bear nothing. Throws UsageError when it would take more
 * than a thousand steps.
 */
export function drawSequence(request: SequenceRequest): ChaosStep[] {
  const steps: ChaosStep[] = [];
  let leastMs = 0;
  for (let number = 1; leastMs < request.forMs; number++) {
    if (number > mostSteps) throw tooLong(request, leastMs);
    const drawn = drawStep(request, seededRandom(request.seed, number));
    if (!drawn) return [];
    const { fault, change, impaired } = drawn;
    steps.push({ number, ...(fault && { fault }), ...(change && { change }) });
    const gateMs = impaired.length > 0 ? healedGateMs : 0;
    leastMs += (fault ? fault.durationMs + healMs + gateMs : 0) + (change ? changeMs : 0);
  }
  return steps;
}

function tooLong({ seed, holdMs }: SequenceRequest, reachedMs: number): UsageError {
  const longest = `${Math.floor(reachedMs / 60_000)}m`;
  return new UsageError(
    `for is too long: a sequence has ${mostSteps} steps at most, which with seed=${seed} and hold=${holdMs / 1000}s are enough for ${longest}; take for=${longest}, or a longer hold`,
  );
}

type DrawnStep = Omit<ChaosStep, 'number'> & Pick<DrawnFault, 'impaired'>;

/** Half of the steps are faults alone, a third changes alone, and the others changes under a fault. */
function drawStep(request: SequenceRequest, random: () => number): DrawnStep | undefined {
  const { ground, kinds, mayHalt, holdMs, versionCount } = request;
  const dice = random();
  const durationMs = Math.round((holdMs * (1 + random())) / 2);
  const shift = 1 + Math.floor(random() * (versionCount - 1));
  const change = (impaired: readonly string[], held: readonly string[] = []): ChaosStep['change'] => {
    if (versionCount < 2) return undefined;
    const node = shuffled(ground.topology.nodes, random).find(
      ({ name }) => !held.includes(name) && hasRoom(ground, impaired, name),
    );
    return node && { node: node.name, shift };
  };
  if (dice >= 0.67) {
    const alone = change([]);
    if (alone) return { change: alone, impaired: [] };
  }
  const drawn = drawFault({ ground, kinds, mayHalt, durationMs, random });
  if (!drawn) {
    const alone = change([]);
    return alone && { change: alone, impaired: [] };
  }
  const { fault, impaired, held } = drawn;
  const under = dice >= 0.5 && fault.kind !== 'restart' ? change(impaired, held) : undefined;
  return { fault, impaired, ...(under && { change: under }) };
}

/** Whether the node can be away for its change beside those that a fault keeps from their work. */
function hasRoom({ topology }: FaultGround, impaired: readonly string[], node: string): boolean {
  if (impaired.includes(node)) return false;
  const nodes = topology.nodes.map(({ name, votingPower }) => ({
    name,
    power: votingPower,
    state: impaired.includes(name) ? ('faulted' as const) : ('ok' as const),
  }));
  return quorumBudget({ rule: topology.quorum, nodes, take: [node] }).isSafe;
}
