import pc from 'picocolors';
import type { PlannedFault } from '../journal/fault-records.ts';
import type { Plan, PlanStep } from '../journal/records.ts';
import { planHash } from '../engine/planning/plan.ts';
import { formatDuration } from '../report/format.ts';
import { table } from './output.ts';
import { runCommand } from './run-command.ts';
import { stepText, unsafeSteps } from './step-text.ts';

/** A larger matrix says less than the sentences beside it. */
const mostNodesShown = 12;

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
    ...seedLines(plan),
    ...plan.steps.flatMap((step) => (step.fault ? faultText(step.id, step.fault) : [])),
    ...(plan.steps.some(({ snapshot }) => snapshot)
      ? ['the data of each node is copied between its stop and its change, which keeps it away for longer']
      : []),
    ...(plan.restore ? [pc.yellow(restoreWarning)] : []),
    ...drillLines(plan),
    ...(plan.deadlineMs === undefined ? [] : [`the whole run may take ${formatDuration(plan.deadlineMs)}`]),
    ...(unsafe.length > 0 ? [pc.red(`as things are, the run will be refused at: ${unsafe.join(', ')}`)] : []),
    ...(plan.halts.length > 0 ? [pc.yellow(`the system halts during: ${plan.halts.join(', ')}`)] : []),
  ];
  return lines.join('\n');
}

/** With it the very same plan can be had again. */
function seedLines(plan: Plan): string[] {
  const { seed } = plan.parameters;
  return seed === undefined ? [] : [`seed ${seed}; the same again with: ${runCommand(plan)}`];
}

/** What the drill is to reach, and what is known already to stand against it. */
function drillLines({ drill }: Plan): string[] {
  if (!drill) return [];
  const short = drill.isShort
    ? `; its window of good service is ${formatDuration(drill.windowMs)}, not the 60 s of a full-size drill`
    : '';
  return [
    ...drill.exercises.map(({ title, objectives: { rtoMs, rpoMs, rpoWrites, takeoverMs } }) => {
      const wanted = [
        ...(rtoMs === undefined ? [] : [`good service within ${formatDuration(rtoMs)}`]),
        ...(takeoverMs === undefined ? [] : [`a take-over within ${formatDuration(takeoverMs)}`]),
        ...(rpoMs === undefined ? [] : [`no lost write older than ${formatDuration(rpoMs)}`]),
        ...(rpoWrites === undefined ? [] : [`at most ${rpoWrites} lost writes`]),
      ];
      return `drill: ${title}; wanted: ${wanted.length > 0 ? wanted.join(', ') : 'nothing in particular'}${short}`;
    }),
    ...drill.warnings.map((warning) => pc.yellow(warning)),
  ];
}

/** What a fault comes to, and who then reaches whom. */
function faultText(id: string, { sentences, reach }: PlannedFault): string[] {
  const names = reach.map(({ from }) => from);
  const isCut = reach.some(({ fresh, established }) => `${fresh}${established ?? ''}`.includes('x'));
  const rows = reach.map(({ from, fresh, established }) => [
    `    ${from}`,
    fresh.split('').join(' '),
    established === undefined ? '' : established.split('').join(' '),
  ]);
  const hasOpen = reach.some(({ established }) => established !== undefined);
  const isShown = isCut && names.length <= mostNodesShown;
  return [
    `fault ${pc.bold(id)}:`,
    ...sentences.map((sentence) => `  ${sentence}`),
    ...(isShown
      ? [
          `  who reaches whom, in this order (o yes, x no, ? either)${hasOpen ? '; on the right, connections that were open before' : ''}:`,
          table(rows),
        ]
      : []),
  ];
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
