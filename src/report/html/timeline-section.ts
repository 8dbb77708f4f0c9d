import { formatDuration } from '../format.ts';
import type { ReportModel } from '../model.ts';
import { html, type Markup } from './markup.ts';
import { timelineChart, versionClass } from './timeline-chart.ts';

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
      Time since the start of the run; one step of the traffic is ${formatDuration(timeline.bucketMs)}.
      ${source !== '' && html`<span class="${observations.state === 'changed' ? 'bad' : 'unknown'}">${source}</span>`}
    </p>
    ${legend(timeline.versions, timeline.rollbacks.length > 0)} ${timelineChart(timeline, 'wide')}
    ${timelineChart(timeline, 'narrow')}
  </section>`;
}

function legend(versions: readonly string[], hasRollback: boolean): Markup {
  const item = (picture: Markup, text: string): Markup =>
    html`<li><svg class="chart" viewBox="0 0 22 12" aria-hidden="true">${picture}</svg>${text}</li>`;
  return html`<ul class="legend">
    ${versions.map((version) => item(html`<rect class="${versionClass(versions, version)}" width="22" height="12" rx="2" />`, version))}
    ${item(html`<rect fill="url(#timeline-wide-hatch)" width="22" height="12" />`, 'being changed')}
    ${item(html`<g class="g-good"><rect class="p-identity" y="3" width="7" height="6" /><rect class="p-settle" x="7" y="3" width="6" height="6" /><rect class="p-observe" x="13" y="3" width="9" height="6" /></g>`, 'gate: identity, settle, observe')}
    ${item(html`<rect class="traffic" y="3" width="22" height="9" />`, 'acknowledged tx/s')}
    ${item(html`<path class="height" d="M1 11L21 2" />`, 'height')}
    ${item(html`<rect class="error" y="5" x="5" width="3" height="5" /><rect class="error" y="5" x="12" width="5" height="5" />`, 'errors')}
    ${item(html`<rect class="down" width="22" height="12" />`, 'not answering')}
    ${hasRollback && item(html`<rect class="rollback" width="22" height="12" /><path class="rollback-edge" d="M.5 0V12" />`, 'rollback')}
  </ul>`;
}
