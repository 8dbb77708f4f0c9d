import { formatDuration, plural } from '../format.ts';
import type { ReportModel } from '../model.ts';
import { html, type Markup } from './markup.ts';

/** More lines say nothing more; the JSON report has them all. */
const maxEntries = 80;

/** Interventions, recovery after a crash, effects and choices; nothing in a run that had none. */
export function courseSection({ course }: ReportModel): Markup | false {
  if (course.length === 0) return false;
  // Where there are too many, those that say least are left out.
  const isShort = course.length <= maxEntries;
  const shown = isShort ? course : course.filter(({ tone }) => tone !== 'neutral').slice(0, maxEntries);
  const left = course.length - shown.length;
  return html`<section aria-labelledby="course">
    <h2 id="course">Course of the run</h2>
    <p class="lead">
      Who intervened, what was found after an interruption, and what was done to nodes beside changing their release.
    </p>
    <ul class="notes">
      ${shown.map(
        ({ atMs, tone, text }) =>
          html`<li>
            <span class="soft">${formatDuration(atMs)}</span
            ><span class="${tone === 'neutral' ? '' : tone}">${text}</span>
          </li>`,
      )}
    </ul>
    ${left > 0 && html`<p class="soft">${plural(left, 'more event')}; all are in the JSON report.</p>`}
  </section>`;
}
