import { formatDuration, plural } from './format.ts';
import { courseSection } from './html/course-section.ts';
import { costSection } from './html/cost.ts';
import { faultsSection } from './html/faults-section.ts';
import { drillSection } from './html/drill-section.ts';
import { findingsSection } from './html/findings-section.ts';
import { gatesSection } from './html/gates-section.ts';
import { header } from './html/header.ts';
import { html, type Markup } from './html/markup.ts';
import { nodesSection } from './html/nodes-section.ts';
import { planSection } from './html/plan-section.ts';
import { page } from './html/page.ts';
import { timelineSection } from './html/timeline-section.ts';
import type { ReportModel } from './model.ts';

/**
 * The report as one HTML page that needs nothing else: no scripts, no requests. Links to evidence are relative, so that they work when
 * the page stands in the run's folder.
 */
export function renderHtml(model: ReportModel): string {
  const { run, headline } = model;
  return page(
    `${run.runbook} of ${run.testnet}: ${headline.label}`,
    html`
      <main>
        ${header(model)} ${drillSection(model)} ${costSection(model)} ${timelineSection(model)} ${faultsSection(model)}
        ${findingsSection(model)} ${planSection(model)} ${gatesSection(model)} ${courseSection(model)}
        ${nodesSection(model)} ${notesSection(model)}
      </main>
      ${footer(model)}
    `,
  );
}

function notesSection({ notes }: ReportModel): Markup | false {
  if (notes.length === 0) return false;
  return html`<section aria-labelledby="notes">
    <h2 id="notes">Notes</h2>
    <ul class="notes">
      ${notes.map(({ atMs, level, text }) => html`<li><span class="soft">${formatDuration(atMs)}</span><span${level === 'warning' && html` class="unknown"`}>${text}</span></li>`)}
    </ul>
  </section>`;
}

function footer({ run }: ReportModel): Markup {
  const { journal, observations } = run;
  const torn = journal.tornTail ? ' Its last line was unfinished, as a crash leaves it, and is left out.' : '';
  return html`<footer>
    <div>
      Derived from ${plural(journal.records, 'journal record')} and ${plural(observations.lines, 'observation')}
      (${observations.state}). The journal’s hash chain was verified; its head is
      <code>${journal.headHash}</code>.${torn}<br />Plan <code>${run.planHash}</code>. Seatrial ${run.seatrialVersion}.
    </div>
  </footer>`;
}
