import pc from 'picocolors';
import type { Plan } from '../journal/records.ts';
import { planHash } from '../engine/plan.ts';
import { table } from './output.ts';

/** A plan for people: ordered steps, gates, margins, and what a failure would do. */
export function planText(plan: Plan): string {
  const rows = plan.steps.map((step, index) => [
    `${index + 1}.`,
    step.id,
    step.from !== undefined && step.to !== undefined ? `${step.from} → ${step.to}` : '',
    step.gate === undefined ? '' : `gate ${step.gate}`,
    step.quorumMargin === undefined ? '' : marginText(step.quorumMargin),
  ]);
  const lines = [
    `${pc.bold(`${plan.runbook} on ${plan.testnet}`)} (${plan.lab} lab), plan ${planHash(plan).slice(0, 12)}`,
    table(rows),
    ...(plan.worstQuorumMargin === undefined ? [] : [`worst quorum margin: ${marginText(plan.worstQuorumMargin)}`]),
    `when a gate fails: ${onFailure[plan.onFailure]}`,
    ...(plan.halts.length > 0 ? [pc.yellow(`the system halts during: ${plan.halts.join(', ')}`)] : []),
  ];
  return lines.join('\n');
}

const onFailure = {
  rollback: 'every node of this run goes back to its release, newest first, each behind the gate',
  node: 'the failed node goes back to its release; the others stay',
  hold: 'the run stops and leaves everything as it is',
} as const;

function marginText(margin: number): string {
  if (margin < 0) return pc.red(`quorum lost by ${-margin}`);
  return margin === 0 ? 'quorum holds, none to spare' : `quorum holds, ${margin} to spare`;
}
