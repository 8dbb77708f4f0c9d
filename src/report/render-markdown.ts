import { formatCount, formatDuration, formatInstant, formatParameters, shortHash } from './format.ts';
import { approvalWords, statusWords, verdictWords } from './html/tones.ts';
import { markdownCode as code, markdownTable, markdownText as text } from './markdown.ts';
import { drillMarkdown } from './render-drill-markdown.ts';
import type { NodeState, ReportModel } from './model.ts';

/** A fleet's table would bury the ticket; the page has all of it. */
const maxRows = 60;

/** The run for a release ticket: what came of it, nodes, gates, cost, findings, approvals, and how to check all that. */
export function renderMarkdown(model: ReportModel): string {
  const { headline, run } = model;
  const lines = [
    `# ${text(`${run.runbook} of ${run.testnet}: ${headline.label}`)}`,
    '',
    `**${text(headline.sentence)}**`,
    '',
    ...(run.weak ? [`> The gate profile ${code(run.gate)} is weak: it watches too briefly to prove much.`, ''] : []),
    ...facts(model),
    ...section('Drill', drillMarkdown(model.drill)),
    ...section('Nodes', nodesTable(model)),
    ...section('Steps', stepsTable(model)),
    ...section('Gates', gatesTable(model)),
    ...section('Guards that failed', guardsTable(model)),
    ...section('Canary', findingsTable(model)),
    ...section('Approvals', approvalsTable(model)),
    ...section('Course', courseList(model)),
    ...section('Cost', costList(model)),
    ...section('Check it', howToVerify(model)),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function section(title: string, content: readonly string[]): string[] {
  return content.length === 0 ? [] : [`## ${title}`, '', ...content];
}

function facts({ run }: ReportModel): string[] {
  const parameters = formatParameters(run.parameters);
  return [
    `- run ${code(run.id)}, plan ${code(shortHash(run.planHash))}, Seatrial ${text(run.seatrialVersion)}`,
    `- system ${text(run.system)}, ${text(run.lab)} lab, gate ${text(run.gate)}, on failure: ${text(run.onFailure)}`,
    ...(parameters === '' ? [] : [`- parameters: ${text(parameters)}`]),
    ...(run.left ? [`- left behind: ${text(run.left.join('; '))}`] : []),
    `- started ${formatInstant(run.startedAt)}, ${run.finishedAt === undefined ? 'last seen after' : 'took'} ${formatDuration(run.durationMs)}`,
    '',
  ];
}

function nodesTable({ nodes }: ReportModel): string[] {
  const release = (state: NodeState | undefined): string =>
    state ? `${text(state.version)} ${code(shortHash(state.digest))}` : 'absent';
  return limited(
    ['Node', 'Before', 'After', 'State'],
    nodes.map(({ node, before, after, inDoubt }) => [
      text(node),
      release(before),
      `${release(after)}${inDoubt === undefined ? '' : ` (${text(inDoubt)})`}`,
      text(after?.state ?? 'absent'),
    ]),
  );
}

function stepsTable({ steps }: ReportModel): string[] {
  return limited(
    ['Step', 'Status', 'Change', 'Took', 'Why'],
    steps.map(({ id, status, from, to, durationMs, reason, approval, finding }) => [
      text(id),
      [statusWords[status], finding, approval && approvalWords[approval]]
        .filter((part) => part !== undefined)
        .join(', '),
      to === undefined ? '' : text(`${from === undefined ? '' : `${from} → `}${to}`),
      durationMs === undefined ? '' : formatDuration(durationMs),
      text(reason ?? ''),
    ]),
  );
}

function gatesTable({ gates }: ReportModel): string[] {
  return limited(
    ['Gate', 'Verdict', 'Why', 'Slots', 'Evidence'],
    gates.map(({ gate, kind, reason, slots, evidence }) => [
      text(gate),
      kind === 'PASS' ? 'pass' : `**${verdictWords[kind] ?? text(kind)}**`,
      text(reason),
      String(slots),
      evidence ? `${code(shortHash(evidence.hash))}${evidence.state === 'verified' ? '' : ` (${evidence.state})`}` : '',
    ]),
  );
}

function guardsTable({ guards }: ReportModel): string[] {
  return limited(
    ['After', 'Node', 'Check', 'Why'],
    guards.map(({ atMs, node, check, reason }) => [formatDuration(atMs), text(node), text(check), text(reason)]),
  );
}

function findingsTable({ findings }: ReportModel): string[] {
  return limited(
    ['Finding', 'Nodes', 'Verdict', 'Why', 'Evidence'],
    findings.map(({ finding, nodes, verdict, reason, evidence }) => [
      text(finding),
      text(nodes.join(', ')),
      verdict === 'pass' ? verdict : `**${text(verdict)}**`,
      text(reason),
      evidence ? code(shortHash(evidence.hash)) : '',
    ]),
  );
}

function approvalsTable({ approvals }: ReportModel): string[] {
  return limited(
    ['Step', 'Question', 'Answer', 'By', 'Plan'],
    approvals.map(({ step, question, decision, by, planHash }) => [
      text(step),
      text(question),
      approvalWords[decision ?? 'waiting'] ?? text(decision ?? ''),
      text(by ?? ''),
      code(shortHash(planHash)),
    ]),
  );
}

function courseList({ course }: ReportModel): string[] {
  const shown = course.filter(({ type }) => !type.startsWith('approval.') && type !== 'lease.taken').slice(0, maxRows);
  return shown.length === 0
    ? []
    : [...shown.map((entry) => `- ${formatDuration(entry.atMs)}: ${text(entry.text)}`), ''];
}

function costList({ cost }: ReportModel): string[] {
  const { load } = cost;
  const lines = [
    load && `- ${formatCount(load.acknowledged)} of ${formatCount(load.sent)} transactions acknowledged`,
    load &&
      `- ${formatCount(load.lost)} lost, ${formatCount(load.duplicated)} duplicated, ${formatCount(load.unchecked)} not looked for`,
    load?.latencyP95Ms !== undefined && `- 95 % acknowledged within ${formatDuration(load.latencyP95Ms)}`,
    cost.worstStallMs !== undefined && `- longest time without a new height: ${formatDuration(cost.worstStallMs)}`,
    cost.missedRounds !== undefined && `- missed consensus rounds: ${formatCount(cost.missedRounds)}`,
  ].filter((line) => typeof line === 'string');
  return lines.length === 0 ? [] : [...lines, ''];
}

function howToVerify({ run }: ReportModel): string[] {
  return [
    'Recompute every verdict from the journal and its evidence, without the network:',
    '',
    '```sh',
    `seatrial verify ${run.id.replace(/[^\w.-]/g, '_')}`,
    '```',
    '',
    `The head of the journal's hash chain is ${code(run.journal.headHash)} over ${formatCount(run.journal.records)} records.`,
  ];
}

function limited(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = markdownTable(header, rows.slice(0, maxRows));
  return rows.length > maxRows ? [...lines, `… and ${rows.length - maxRows} more; all are in the report.`, ''] : lines;
}
