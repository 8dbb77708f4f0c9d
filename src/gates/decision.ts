import type { GateProfile } from './profiles.ts';
import type { CheckTally } from './tally.ts';
import type { VerdictKind } from './verdict.ts';

export type Decision = { kind: 'continue' } | Verdict;

export interface Verdict {
  kind: VerdictKind;
  /** Machine word, see GateVerdict.cause. */
  cause: string;
  reason: string;
  /** The check that decided, where one did. */
  about?: { check: string; node: string };
}

/** What is known beside the checks' samples. */
export interface DecisionContext {
  /** Since the gate started. */
  elapsedMs: number;
  /** Most restarts of one node since the action that nobody asked for. */
  unplannedRestarts: number;
  /** Changes of leader in the window that we did not cause. */
  leaderChanges: number;
  /** The quorum is lost or a stop condition holds, and a second probe confirmed it; a sentence. */
  stopCondition?: string | undefined;
  /** Nodes that have not yet shown work done since the action. */
  withoutProgress: readonly string[];
  /** Nodes whose evidence is not all newer than their new identity. */
  withStaleEvidence: readonly string[];
}

export type DecisionRules = Pick<
  GateProfile,
  'intervalMs' | 'windowSlots' | 'fullSlots' | 'tailSlots' | 'holdSlots' | 'deadlineMs'
>;

const criticalBadSlots = 3;
const flapRestarts = 2;
const flapChanges = 4;
const flapLeaderChanges = 3;

/**
 * The gate's verdict after a slot, or `continue`. Pure: samples and rules in, decision out. Harm that was seen decides
 * first; then the deadline, which nothing extends; then a lack of data; only then may the gate pass.
 */
export function decide(tallies: readonly CheckTally[], rules: DecisionRules, context: DecisionContext): Decision {
  const deciding = tallies.filter((tally) => !tally.advisory);
  const harm = harmSeen(deciding, rules, context);
  if (harm) return harm;
  if (context.elapsedMs >= rules.deadlineMs) return deadlineVerdict(deciding, context);
  return lackOfData(deciding, rules) ?? pass(deciding, rules, context) ?? { kind: 'continue' };
}

/** FAIL early: the part of the decision that also guards obey. */
export function harmSeen(
  deciding: readonly CheckTally[],
  rules: DecisionRules,
  context: Pick<DecisionContext, 'stopCondition' | 'unplannedRestarts' | 'leaderChanges'>,
): Verdict | undefined {
  if (context.stopCondition !== undefined) return fail('quorum', context.stopCondition);
  if (context.unplannedRestarts >= flapRestarts) {
    return fail('flap', `${context.unplannedRestarts} restarts that nobody asked for`);
  }
  if (context.leaderChanges >= flapLeaderChanges) {
    return fail('flap', `${context.leaderChanges} changes of leader that this run did not cause`);
  }
  const running = worst(deciding, (tally) => tally.critical && tally.badRun >= criticalBadSlots);
  if (running) return fail('critical-bad', `was BAD ${running.badRun} slots running`, running);
  const flapping = worst(deciding, (tally) => tally.changes >= flapChanges);
  if (flapping) return fail('flap', `changed ${flapping.changes} times between OK and BAD`, flapping);
  const often = worst(deciding, (tally) => tally.bad > 0 && tally.bad * 5 >= rules.windowSlots);
  if (often) return fail('bad-ratio', `was BAD in ${often.bad} of ${rules.windowSlots} slots`, often);
  return undefined;
}

/** HOLD: neither go on nor roll back. */
export function lackOfData(deciding: readonly CheckTally[], rules: DecisionRules): Verdict | undefined {
  const blind = deciding.find((tally) => tally.unknownRun >= rules.holdSlots);
  if (!blind) return undefined;
  const seconds = (blind.unknownRun * rules.intervalMs) / 1000;
  return {
    kind: 'HOLD',
    cause: 'unknown-run',
    about: aboutOf(blind),
    reason: `${title(blind)} was UNKNOWN ${blind.unknownRun} slots running (${seconds} s; ${blind.lastUnknown ?? 'no data'})`,
  };
}

/** Whether the window of one check is good enough to pass. */
export function isWindowClean(tally: CheckTally, rules: DecisionRules): boolean {
  const { windowSlots, fullSlots, tailSlots } = rules;
  return (
    tally.samples >= fullSlots &&
    tally.unknown * 10 <= windowSlots &&
    (tally.critical ? tally.bad === 0 : tally.bad * 20 <= windowSlots) &&
    tally.tailOk === tailSlots
  );
}

function pass(deciding: readonly CheckTally[], rules: DecisionRules, context: DecisionContext): Verdict | undefined {
  if (deciding.length === 0) return undefined;
  if (context.withoutProgress.length > 0 || context.withStaleEvidence.length > 0) return undefined;
  if (!deciding.every((tally) => isWindowClean(tally, rules))) return undefined;
  return {
    kind: 'PASS',
    cause: 'window-full',
    reason: `${deciding.length} checks were good over ${rules.fullSlots} slots, the last ${rules.tailSlots} without exception`,
  };
}

function deadlineVerdict(deciding: readonly CheckTally[], context: DecisionContext): Verdict {
  const seconds = Math.round(context.elapsedMs / 100) / 10;
  const after = `no verdict after ${seconds} s`;
  if (deciding.length === 0) return inconclusive('no-data', `${after}: nothing was checked`);
  const blind = deciding.find(
    (tally) => tally.samples === 0 || tally.unknown * 2 > tally.ok + tally.bad + tally.unknown,
  );
  if (blind) {
    return inconclusive(
      'no-data',
      `${after}: ${title(blind)} was mostly UNKNOWN (${blind.lastUnknown ?? 'no slot seen'})`,
    );
  }
  if (context.withoutProgress.length > 0) {
    return inconclusive(
      'insufficient',
      `${after}: no progress since the action on ${context.withoutProgress.join(', ')}`,
    );
  }
  if (context.withStaleEvidence.length > 0) {
    const nodes = context.withStaleEvidence.join(', ');
    return inconclusive('insufficient', `${after}: the evidence of ${nodes} is older than what runs now`);
  }
  const last = deciding.find((tally) => tally.bad > 0) ?? deciding.find((tally) => tally.unknown > 0);
  return inconclusive(
    'insufficient',
    last ? `${after}: ${title(last)} was not good throughout${lastBad(last)}` : `${after}: the window was not full`,
  );
}

function inconclusive(what: 'no-data' | 'insufficient', reason: string): Verdict {
  return { kind: 'INCONCLUSIVE', cause: what === 'no-data' ? 'deadline-no-data' : 'deadline-insufficient', reason };
}

function fail(cause: string, what: string, tally?: CheckTally): Verdict {
  if (!tally) return { kind: 'FAIL', cause, reason: what };
  return { kind: 'FAIL', cause, reason: `${title(tally)} ${what}${lastBad(tally)}`, about: aboutOf(tally) };
}

/** Of several bad checks the one that says most: a critical one, then the one that is bad most often. */
function worst(tallies: readonly CheckTally[], isBad: (tally: CheckTally) => boolean): CheckTally | undefined {
  let found: CheckTally | undefined;
  for (const tally of tallies) {
    if (!isBad(tally)) continue;
    if (!found || (tally.critical === found.critical ? tally.bad > found.bad : tally.critical)) found = tally;
  }
  return found;
}

function aboutOf({ check, node }: CheckTally): { check: string; node: string } {
  return { check, node };
}

function title(tally: CheckTally): string {
  return tally.node === '*' ? tally.check : `${tally.check} of ${tally.node}`;
}

function lastBad(tally: CheckTally): string {
  return tally.lastBad === undefined ? '' : `: ${tally.lastBad}`;
}
