import { formatDuration } from '../format.ts';
import type { ReportModel, StepReport } from '../model.ts';
import { html, type Markup } from './markup.ts';
import { pill, statusTones, statusWords, verdictTones, verdictWords } from './tones.ts';
import { versionLabel } from './version-label.ts';

const maxNodesNamed = 4;

/** The plan as it was executed. */
export function planSection({ steps, timeline, run }: ReportModel): Markup {
  const reached = steps.filter(({ status }) => status !== 'not-reached').length;
  return html`<section aria-labelledby="plan">
    <h2 id="plan">Plan as executed</h2>
    <p class="lead">${reached} of ${steps.length} steps were reached. On failure: ${run.onFailure}.</p>
    <table class="stack">
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col">Status</th>
          <th scope="col">Change</th>
          <th scope="col">Gate</th>
          <th scope="col" class="number">Quorum margin</th>
          <th scope="col" class="number">Took</th>
        </tr>
      </thead>
      <tbody>
        ${steps.map((step) => row(step, timeline.versions))}
      </tbody>
    </table>
  </section>`;
}

function row(step: StepReport, versions: readonly string[]): Markup {
  const { id, kind, status, from, to, verdict, quorumMargin, durationMs, reason } = step;
  const change =
    to === undefined
      ? ''
      : html`${from !== undefined && html`${versionLabel(from, versions)}<span class="arrow">→</span>`}${versionLabel(to, versions)}`;
  return html`<tr class="${status === 'not-reached' ? 'muted' : ''}">
    <th scope="row">
      ${id}
      <div class="soft" style="font-weight:400;font-size:12.5px">${kind}${nodesOf(step)}</div>
    </th>
    <td data-label="Status">
      ${pill(statusTones[status], statusWords[status], 'small')}${reason !== undefined && html`<div class="soft" style="margin-top:4px;max-width:34em">${reason}</div>`}
    </td>
    <td data-label="Change">${change}</td>
    <td data-label="Gate">
      ${verdict && html`<span class="${verdictTones[verdict]}">${verdictWords[verdict]}</span>`}
    </td>
    <td class="number" data-label="Quorum margin">${quorumMargin !== undefined && margin(quorumMargin)}</td>
    <td class="number" data-label="Took">${durationMs !== undefined && formatDuration(durationMs)}</td>
  </tr>`;
}

function nodesOf({ id, nodes }: StepReport): string {
  const [only] = nodes;
  if (only === undefined || (nodes.length === 1 && id.includes(only))) return '';
  return nodes.length > maxNodesNamed ? `, ${nodes.length} nodes` : `, ${nodes.join(', ')}`;
}

function margin(value: number): Markup {
  return value < 0 ? html`<span class="unknown">${value} (halts)</span>` : html`${value}`;
}
