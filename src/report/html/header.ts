import { formatDuration, formatInstant, formatParameters, shortHash } from '../format.ts';
import type { ReportModel, RunFacts } from '../model.ts';
import { html, type Markup } from './markup.ts';
import { pill } from './tones.ts';

/** What was attempted and what became of it, then the facts of the run. */
export function header({ headline, run, course }: ReportModel): Markup {
  return html`<header>
    <div class="brand">
      <span><strong>Seatrial</strong> run report</span><code>${run.id}</code>
    </div>
    <div class="badges">
      ${pill(headline.tone, headline.label)}${run.weak && pill('unknown', `weak gate profile: ${run.gate}`)}${run.isResumable && pill('neutral', 'can be resumed')}
    </div>
    <h1>${headline.sentence}</h1>
    <dl class="facts">
      ${facts(run, resumptions(course)).map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  </header>`;
}

function facts(run: RunFacts, resumed: number): [string, Markup | string][] {
  const margin = run.worstQuorumMargin;
  return [
    ['Testnet', run.testnet],
    ['System', run.system],
    ['Lab', run.lab],
    ['Runbook', run.runbook],
    ['Parameters', formatParameters(run.parameters) || 'none'],
    ['Gate profile', run.weak ? `${run.gate} (weak)` : run.gate],
    ['On failure', run.onFailure],
    ['Worst quorum margin', margin === undefined ? 'no quorum rule' : `${margin} over the threshold`],
    ['Started', formatInstant(run.startedAt)],
    [run.finishedAt === undefined ? 'Last seen after' : 'Duration', formatDuration(run.durationMs)],
    ['Plan', html`<code title="${run.planHash}">${shortHash(run.planHash)}</code>`],
    ['Seatrial', run.seatrialVersion],
    ...(resumed > 0 ? ([['Resumed', resumed === 1 ? 'once' : `${resumed} times`]] as [string, string][]) : []),
    ...(run.left ? ([['Left behind', run.left.join('; ')]] as [string, string][]) : []),
    ...(run.halts.length > 0 ? ([['Halts by design', run.halts.join(', ')]] as [string, string][]) : []),
  ];
}

function resumptions(course: ReportModel['course']): number {
  return course.filter(({ type }) => type === 'run.resumed').length;
}
