import { formatCount, formatDuration, plural } from './format.ts';
import type { ReportModel, StepReport } from './model.ts';
import { printable } from './printable.ts';
import { approvalWords, statusWords, verdictWords } from './html/tones.ts';

const signs: Record<StepReport['status'], string> = {
  done: '✓',
  failed: '✗',
  refused: '✗',
  open: '?',
  'not-reached': '·',
};
/** A fleet's rollout has a step for every node; those without trouble are counted instead. */
const maxSteps = 16;

/** The run in a few lines of plain text, with a line end. */
export function renderSummary(model: ReportModel): string {
  const { headline, run } = model;
  const weak = run.weak ? ' (weak)' : '';
  const lines = [
    headline.sentence,
    `run ${run.id}, ${run.lab} lab, gate ${run.gate}${weak}, ${formatDuration(run.durationMs)}`,
    ...(run.left ?? []).map((left) => `left behind: ${left}`),
    '',
    ...stepLines(model.steps),
    '',
    ...faultLines(model),
    ...findingLines(model),
    ...costLines(model),
    ...nodeLines(model),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function stepLines(steps: readonly StepReport[]): string[] {
  const isLong = steps.length > maxSteps;
  const shown = isLong ? steps.filter(({ status }) => status !== 'done' && status !== 'not-reached') : steps;
  const width = Math.max(0, ...shown.map(({ id }) => id.length));
  const lines = shown.map(({ status, id, from, to, durationMs, verdict, finding, approval, reason }) => {
    const change =
      to === undefined ? '' : from === to ? `stays on ${to}` : `${from === undefined ? '' : `${from} → `}${to}`;
    const took = durationMs === undefined ? statusWords[status] : formatDuration(durationMs);
    const said = [
      verdict === undefined ? '' : `gate ${verdictWords[verdict]}`,
      finding ?? '',
      approval === undefined ? '' : approvalWords[approval],
    ];
    // What a finding says stands below, in full.
    const parts = [took, change, ...said, finding === undefined ? (reason ?? '') : ''];
    return `  ${signs[status]} ${id.padEnd(width)}  ${parts.filter((part) => part !== '').join(', ')}`;
  });
  if (!isLong) return lines;
  const count = (status: StepReport['status']): number => steps.filter((step) => step.status === status).length;
  return [`  ${plural(steps.length, 'step')}: ${count('done')} done, ${count('not-reached')} not reached`, ...lines];
}

function faultLines({ faults }: ReportModel): string[] {
  return faults.map(({ fault, kind, nodes, state, voidReason, verifiedMs, healVerifiedMs, fromMs, toMs }) => {
    const parts = [
      voidReason === undefined ? '' : `VOID: ${voidReason}`,
      verifiedMs === undefined ? 'its effect was not shown' : `shown after ${formatDuration(verifiedMs)}`,
      state === 'begun' || state === 'verified'
        ? 'its end was not written down'
        : `acted for ${formatDuration(toMs - fromMs)}`,
      healVerifiedMs === undefined ? 'its heal was not shown' : `heal shown after ${formatDuration(healVerifiedMs)}`,
    ];
    return `fault ${fault} (${kind} at ${nodes.join(', ')}): ${parts.filter((part) => part !== '').join(', ')}`;
  });
}

function findingLines({ findings }: ReportModel): string[] {
  return findings.map(
    ({ finding, nodes, verdict, reason }) => `${finding} of ${nodes.join(', ')}: ${verdict}: ${reason}`,
  );
}

function costLines({ cost }: ReportModel): string[] {
  const parts = [
    cost.load && `${formatCount(cost.load.acknowledged)} transactions acknowledged`,
    cost.lost !== undefined && cost.load && `${formatCount(cost.lost)} lost`,
    cost.duplicated !== undefined && cost.load && `${formatCount(cost.duplicated)} duplicated`,
    cost.load && cost.load.unchecked > 0 && `${formatCount(cost.load.unchecked)} unchecked`,
    cost.worstStallMs !== undefined && `worst stall ${formatDuration(cost.worstStallMs)}`,
    cost.missedRounds !== undefined && plural(cost.missedRounds, 'missed round'),
  ].filter((part) => typeof part === 'string');
  return parts.length === 0 ? [] : [`cost: ${parts.join(', ')}`];
}

function nodeLines({ nodes, run }: ReportModel): string[] {
  const groups = new Map<string, string[]>();
  for (const { node, after, inDoubt } of nodes) {
    const runs = `${after?.version ?? 'nothing'}${inDoubt === undefined ? '' : `, but ${inDoubt}`}`;
    groups.set(runs, [...(groups.get(runs) ?? []), node]);
  }
  const what = run.outcome === 'unfinished' ? 'last known' : 'now';
  return [...groups].map(([runs, names]) => {
    const list = names.length > 6 ? `${names.length} nodes` : names.join(', ');
    return `${what}: ${list} on ${runs}`;
  });
}
