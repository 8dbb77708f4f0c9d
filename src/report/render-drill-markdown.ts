import {
  alertText,
  integrityText,
  milestoneWords,
  objectiveRows,
  partsText,
  summaryHeads,
  summaryRows,
} from './drill-rows.ts';
import type { DrillReport, ExerciseReport } from './drill-report.ts';
import { formatDuration } from './format.ts';
import { markdownTable, markdownText as text } from './markdown.ts';

/** The drill for the people who took part; what they have to fill in is left as a blank. */
export function drillMarkdown(drill: DrillReport | undefined): string[] {
  if (!drill) return [];
  const short = drill.isShort ? ` (a full-size drill asks for 60 s)` : '';
  return [
    `- participants: ${drill.participants.length > 0 ? text(drill.participants.join(', ')) : '____'}`,
    ...(drill.windowMs === undefined
      ? []
      : [`- good service: one window of ${formatDuration(drill.windowMs)}${short}`]),
    `- integrity: ${integrityText(drill)}`,
    '',
    ...(drill.exercises.length > 1
      ? markdownTable(
          summaryHeads,
          summaryRows(drill).map((row) => row.map(text)),
        )
      : []),
    ...drill.exercises.flatMap(exercise),
    ...list('Issues', drill.issues, 'none'),
    '### Action items',
    '',
    ...(drill.actions.length > 0 ? drill.actions : [{ what: '____', owner: '', due: '' }]).map(
      ({ what, owner, due }, index) =>
        `${index + 1}. ${what === '____' ? what : text(what)} (owner: ${owner === '' ? '____' : text(owner)}, due: ${due === '' ? '____' : text(due)})`,
    ),
    '',
    ...list('Recommendations', drill.recommendations, 'none'),
  ];
}

function exercise(each: ExerciseReport): string[] {
  const parts = partsText(each);
  const met = (isMet: boolean | undefined): string => (isMet === undefined ? '' : isMet ? 'yes' : '**no**');
  return [
    `### ${text(each.title)}: ${each.verdict}`,
    '',
    ...(each.reasons.length > 0 ? [text(each.reasons.join('; ')), ''] : []),
    ...markdownTable(
      ['Objective', 'Wanted', 'Measured', 'Met'],
      objectiveRows(each).map(({ what, wanted, measured, isMet }) => [what, wanted, measured, met(isMet)]),
    ),
    ...(parts === '' ? [] : [`Of the recovery time: ${parts}.`, '']),
    ...(each.alert ? [alertText(each), ''] : []),
    ...markdownTable(
      ['Milestone', 'After the disaster', 'Target', 'What showed it'],
      each.milestones.map(({ milestone, afterMs, targetMs, isLate, detail = '' }) => [
        milestoneWords[milestone] ?? milestone,
        afterMs === undefined ? '' : `${afterMs < 0 ? '−' : ''}${formatDuration(Math.abs(afterMs))}`,
        targetMs === undefined ? '' : `${formatDuration(targetMs)}${isLate ? ' **missed**' : ''}`,
        text(detail),
      ]),
    ),
  ];
}

function list(title: string, items: readonly string[], none: string): string[] {
  return [`### ${title}`, '', ...(items.length > 0 ? items : [none]).map((item) => `- ${text(item)}`), ''];
}
