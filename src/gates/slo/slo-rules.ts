/** A burn rate is how many times as fast as evenly a budget of errors is spent: 1 spends exactly all of it by the end. */
export interface BurnRule {
  name: 'page-fast' | 'page-slow' | 'ticket' | 'trend';
  /** A page fails the canary; the others are recorded. */
  severity: 'page' | 'ticket' | 'trend';
  /** The rule fires while both windows burn at least so fast. */
  burnRate: number;
  longMs: number;
  /** A twelfth of the long window, so that a rule does not go on firing when it is over. */
  shortMs: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** The length that the windows below are made for. */
export const referenceLengthMs = 7 * dayMs;

const references: readonly BurnRule[] = [
  { name: 'page-fast', severity: 'page', burnRate: 13.44, longMs: hourMs, shortMs: 5 * minuteMs },
  { name: 'page-slow', severity: 'page', burnRate: 3.5, longMs: 6 * hourMs, shortMs: 30 * minuteMs },
  { name: 'ticket', severity: 'ticket', burnRate: 1.4, longMs: dayMs, shortMs: 2 * hourMs },
  { name: 'trend', severity: 'trend', burnRate: 0.98, longMs: 3 * dayMs, shortMs: 6 * hourMs },
];

/**
 * The multi-window burn-rate rules for a budget of this length. Windows are in proportion to it and burn rates stay, so
 * that a rule stands for the same part of the budget at every length: 8 %, 12.5 %, 20 % and 42 %. That pattern is from
 * "The Site Reliability Workbook" (Google, 2018), chapter 5, where it is worked out for 30 days.
 */
export function sloRules(lengthMs: number): BurnRule[] {
  const scale = lengthMs / referenceLengthMs;
  return references.map((rule) => ({ ...rule, longMs: rule.longMs * scale, shortMs: rule.shortMs * scale }));
}

/** The part of the whole budget that is gone when the rule has burnt its long window through. */
export function budgetShareOf(rule: BurnRule, lengthMs: number): number {
  return (rule.burnRate * rule.longMs) / lengthMs;
}
