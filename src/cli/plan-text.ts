import pc from 'picocolors';
import type { Plan, PlanStep } from '../journal/records.ts';
import { planHash } from '../engine/plan.ts';
import { formatDuration } from '../report/format.ts';
import { table } from './output.ts';
import { stepText, unsafeSteps } from './step-text.ts';

/** A plan for people: ordered steps, gates, margins, and what a failure would do. */
export function planText(plan: Plan): string {
  const rows = plan.steps.map((step, index) => [
    `${index + 1}.`,
    step.id,
    changeText(step),
    step.gate === undefined ? '' : `gate ${step.gate}`,
    [step.quorumMargin === undefined ? '' : marginText(step.quorumMargin), stepText(step)].filter(Boolean).join('; '),
  ]);
  const unsafe = unsafeSteps(plan);
  const lines = [
    `${pc.bold(`${plan.runbook} on ${plan.testnet}`)} (${plan.lab} lab), plan ${planHash(plan).slice(0, 12)}`,
    table(rows),
    ...(plan.worstQuorumMargin === undefined ? [] : [`worst quorum margin: ${marginText(plan.worstQuorumMargin)}`]),
    `when a gate fails: ${onFailure[plan.onFailure]}`,
    ...(plan.steps.some(({ snapshot }) => snapshot)
      ? ['the data of each node is copied between its stop and its change, which keeps it away for longer']
      : []),
    ...(plan.restore ? [pc.yellow(restoreWarning)] : []),
    ...(plan.deadlineMs === undefined ? [] : [`the whole run may take ${formatDuration(plan.deadlineMs)}`]),
    ...(unsafe.length > 0 ? [pc.red(`as things are, the run will be refused at: ${unsafe.join(', ')}`)] : []),
    ...(plan.halts.length > 0 ? [pc.yellow(`the system halts during: ${plan.halts.join(', ')}`)] : []),
  ];
  return lines.join('\n');
}

/** A node that only gets other flags, or is started anew, keeps its release. */
function changeText({ from, to }: PlanStep): string {
  if (from === undefined || to === undefined) return '';
  return from === to ? `stays on ${to}` : `${from} → ${to}`;
}

const onFailure = {
  rollback: 'every node of this run goes back to its release, newest first, each behind the gate',
  node: 'the failed node goes back to its release; the others stay',
  hold: 'the run stops and leaves everything as it is',
} as const;

const restoreWarning =
  'a node that goes back gets the data of its snapshot back, and forgets what it has signed since: a validator may sign the same heights again, otherwise (double signing)';

function marginText(margin: number): string {
  if (margin < 0) return pc.red(`quorum lost by ${-margin}`);
  return margin === 0 ? 'quorum holds, none to spare' : `quorum holds, ${margin} to spare`;
}
