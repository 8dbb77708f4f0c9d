import { formatDuration } from '../format.ts';
import type { ReportModel, Timeline } from '../model.ts';
import { html, type Markup } from './markup.ts';
import { versionClass } from './chart-scales.ts';
import { timelineChart } from './timeline-chart.ts';

/** The timeline for wide pages and for phones; the style sheet shows one of them. */
export function timelineSection({ timeline, run }: ReportModel): Markup {
  const { observations } = run;
  const source = {
    verified: '',
    changed: 'Its observations were changed since the run: traffic and heights cannot be trusted.',
    unvouched: 'The run did not finish, so no hash vouches for traffic and heights.',
    missing: 'There are no observations, so traffic and heights are not shown.',
  }[observations.state];
  return html`<section aria-labelledby="timeline">
    <h2 id="timeline">Timeline</h2>
    <p class="lead">
      Time since the start of the run; traffic is averaged over at least ${formatDuration(timeline.bucketMs)}.
      ${source !== '' && html`<span class="${observations.state === 'changed' ? 'bad' : 'unknown'}">${source}</span>`}
    </p>
    ${hatch} ${legend(timeline)} ${timelineChart(timeline, 'wide')} ${timelineChart(timeline, 'narrow')}
  </section>`;
}

/** Has a picture of its own, because a pattern of one that is not displayed is not drawn elsewhere either. */
const hatch = html`<svg class="defs" width="0" height="0" aria-hidden="true">
  <defs>
    <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <line class="hatch-line" x1="0" y1="0" x2="0" y2="6" />
    </pattern>
  </defs>
</svg>`;

function legend({ versions, rollbacks, marks, lanes }: Timeline): Markup {
  const item = (picture: Markup, text: string): Markup =>
    html`<li><svg class="chart" viewBox="0 0 22 12" aria-hidden="true">${picture}</svg>${text}</li>`;
  return html`<ul class="legend">
    ${versions.map((version) => item(html`<rect class="${versionClass(versions, version)}" width="22" height="12" rx="2" />`, version))}
    ${item(html`<rect class="changing" width="22" height="12" />`, 'being changed')}
    ${item(html`<g class="g-good"><rect class="p-identity" y="3" width="7" height="6" /><rect class="p-settle" x="7" y="3" width="6" height="6" /><rect class="p-observe" x="13" y="3" width="9" height="6" /></g>`, 'gate: identity, settle, observe')}
    ${item(html`<rect class="traffic" y="3" width="22" height="9" />`, 'acknowledged tx/s')}
    ${item(html`<path class="height" d="M1 11L21 2" />`, 'height')}
    ${item(html`<rect class="error" y="5" x="5" width="3" height="5" /><rect class="error" y="5" x="12" width="5" height="5" />`, 'errors')}
    ${item(html`<rect class="down" width="22" height="12" />`, 'not answering')}
    ${rollbacks.length > 0 && item(html`<rect class="rollback" width="22" height="12" /><path class="rollback-edge" d="M.5 0V12" />`, 'rollback')}
    ${lanes.some(({ effects }) => effects.length > 0) && item(html`<rect class="effect" y="5" width="22" height="4" />`, 'switch, stop, start, snapshot, fault')}
    ${marks.length > 0 && item(html`<path class="mark" d="M11 0V12" />`, 'resumed, paused, aborted, finalised')}
  </ul>`;
}
