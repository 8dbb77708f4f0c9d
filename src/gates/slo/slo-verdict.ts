import type { CanaryVerdict } from '../canary/relative-verdict.ts';
import type { SloOptions, SloState } from './slo-state.ts';

type Facts = Omit<SloState, 'verdict' | 'reason'>;
type Decided = { verdict: CanaryVerdict; reason: string };

const leastKnown = 0.99;
const leastKnownOfDay = 0.95;
/** A run without a single bad event of 4.5/budget excludes a worse rate than the budget's at the 1 % level: e^-4.5. */
const leastBudgets = 4.5;
const mostUsed = 0.5;

/** FAIL, which is final at any time. */
export function verdictSoFar({ rules, budgetUsed, bad, total }: Facts): Decided | undefined {
  const page = rules.find(({ rule, firedAtMs }) => rule.severity === 'page' && firedAtMs !== undefined);
  if (page !== undefined) {
    const { rule, longBurn, shortBurn } = page;
    return {
      verdict: 'fail',
      reason:
        `rule ${rule.name}: errors spend the budget ${longBurn.toFixed(1)} times as fast as evenly over ` +
        `${duration(rule.longMs)} and ${shortBurn.toFixed(1)} times over ${duration(rule.shortMs)} (limit ${rule.burnRate})`,
    };
  }
  if (budgetUsed > mostUsed) {
    return { verdict: 'fail', reason: `${percent(budgetUsed)} of the budget is gone: ${bad} of ${total} were bad` };
  }
  return undefined;
}

/** PASS or INCONCLUSIVE, once all slots are over. */
export function verdictAtEnd(facts: Facts, { objective }: SloOptions): Decided {
  const { knownSlots, plannedSlots, worstDay, bad, total, rules } = facts;
  const budgetRatio = 1 - objective;
  const left = total === 0 ? 1 : 1 - bad / total / budgetRatio;
  const needed = Math.ceil(leastBudgets / budgetRatio - 1e-6);
  const lacks = [
    ...(knownSlots < leastKnown * plannedSlots
      ? [`only ${percent(knownSlots / plannedSlots)} of the slots are known, 99 % are needed`]
      : []),
    ...(worstDay.knownShare < leastKnownOfDay
      ? [`of part ${worstDay.day} of 7 only ${percent(worstDay.knownShare)} of the slots are known, 95 % are needed`]
      : []),
    ...(total < needed ? [`${total} requests, ${needed} are needed`] : []),
    ...(left < 1 - mostUsed ? [`only ${percent(left)} of the budget is left, 50 % are needed`] : []),
  ];
  if (lacks.length > 0) return { verdict: 'inconclusive', reason: lacks.join('; ') };
  const fired = rules.filter(({ firedAtMs }) => firedAtMs !== undefined).map(({ rule }) => rule.name);
  const notes = fired.length === 0 ? '' : `; fired on the way: ${fired.join(', ')}`;
  return { verdict: 'pass', reason: `${bad} of ${total} were bad, ${percent(left)} of the budget is left${notes}` };
}

/** Rounded down, so that what just misses a limit does not read as if it met it. */
function percent(share: number): string {
  return `${Math.floor(share * 1000) / 10} %`;
}

function duration(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const;
  const [name, unit] = units.find(([, length]) => ms >= length) ?? (['ms', 1] as const);
  return `${Math.round((ms / unit) * 10) / 10} ${name}`;
}
