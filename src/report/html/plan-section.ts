import { formatDuration } from '../format.ts';
import type { ReportModel, StepReport, Tone } from '../model.ts';
import { html, type Markup } from './markup.ts';
import {
  approvalTones,
  approvalWords,
  findingTones,
  findingWords,
  pill,
  statusTones,
  statusWords,
  verdictTones,
  verdictWords,
} from './tones.ts';
import { versionLabel } from './version-label.ts';

const maxNodesNamed = 4;

/** The plan as it was executed. */
export function planSection({ steps, timeline, run }: ReportModel): Markup {
  const hasMore = steps.some(({ finding, approval }) => finding !== undefined || approval !== undefined);
  const reached = steps.filter(({ status }) => status !== 'not-reached').length;
  return html`<section aria-labelledby="plan">
    <h2 id="plan">Plan as executed</h2>
    <p class="lead">${reached} of ${steps.length} steps were reached. On failure: ${run.onFailure}.</p>
    <table class="stack steps">
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col">Status</th>
          <th scope="col">Change</th>
          <th scope="col">${hasMore ? 'Verdict' : 'Gate'}</th>
          <th scope="col" class="number">Quorum margin</th>
          <th scope="col" class="number">Took</th>
        </tr>
      </thead>
      <tbody>
        ${steps.map((step) => row(step, timeline.versions, timeline.lanes.length))}
      </tbody>
    </table>
  </section>`;
}

function row(step: StepReport, versions: readonly string[], nodeCount: number): Markup {
  const { id, status, from, to, quorumMargin, durationMs, finding } = step;
  // What a finding says stands in its own section.
  const reason = finding === undefined ? step.reason : undefined;
  const change =
    to === undefined
      ? ''
      : html`<span class="change"
          >${from !== undefined && html`${versionLabel(from, versions)}<span class="arrow">→</span>`}${versionLabel(to, versions)}</span
        >`;
  return html`<tr class="${status === 'not-reached' ? 'muted' : ''}">
    <th scope="row">
      ${id}
      <div class="about">${aboutStep(step, nodeCount)}</div>
    </th>
    <td>
      ${pill(statusTones[status], statusWords[status], 'small')}${reason !== undefined && html`<div class="why">${reason}</div>`}
    </td>
    ${cell('', change)} ${judgement(step)}
    ${cell('margin', quorumMargin !== undefined && margin(quorumMargin), 'number')}
    ${cell('', durationMs !== undefined && formatDuration(durationMs), 'number')}
  </tr>`;
}

/** What was said of the step: by its gate, by a canary's comparison, or by a person. */
function judgement({ verdict, finding, approval }: StepReport): Markup {
  if (finding !== undefined) return cell('finding', toned(findingTones[finding], findingWords[finding] ?? finding));
  if (approval !== undefined) return cell('', toned(approvalTones[approval], approvalWords[approval] ?? approval));
  return cell('gate', verdict && toned(verdictTones[verdict], verdictWords[verdict] ?? verdict));
}

function toned(tone: Tone | undefined, text: string): Markup {
  return html`<span class="${tone ?? 'unknown'}">${text}</span>`;
}

/** A cell; an empty one is really empty, so that phones leave it out, label and all. */
function cell(label: string, content: Markup | string | false | undefined, className = ''): Markup {
  if (content === false || content === undefined || content === '') return html`<td></td>`;
  return html`<td class="${className}" data-label="${label}">${content}</td>`;
}

/** What the step's name does not say already. */
function aboutStep({ id, kind, nodes }: StepReport, nodeCount: number): string {
  const words = id.split('/');
  const isSaid = words[0] === kind || (kind === 'unplanned' && words[0] === 'rollback');
  const about: string[] = isSaid ? [] : [kind === 'unplanned' ? 'not in the plan' : kind];
  const unnamed = nodes.filter((node) => !words.includes(node));
  if (nodes.length === nodeCount && nodeCount > 1) about.push(`all ${nodeCount} nodes`);
  else if (unnamed.length > maxNodesNamed) about.push(`${nodes.length} nodes`);
  else about.push(...unnamed);
  return about.join(', ');
}

function margin(value: number): Markup {
  return value < 0 ? html`<span class="unknown">${value} (halts)</span>` : html`${value}`;
}
