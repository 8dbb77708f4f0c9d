import { formatDuration, formatInstant, formatParameters, shortHash } from '../format.ts';
import type { ReportModel, RunFacts } from '../model.ts';
import { html, type Markup } from './markup.ts';
import { pill } from './tones.ts';

/** What was attempted and what became of it, then the facts of the run. */
export function header({ headline, run }: ReportModel): Markup {
  return html`<header>
    <div class="brand">
      <span><strong>Seatrial</strong> run report</span><code>${run.id}</code>
    </div>
    <div class="badges">
      ${pill(headline.tone, headline.label)}${run.weak && pill('unknown', `weak gate profile: ${run.gate}`)}
    </div>
    <h1>${headline.sentence}</h1>
    <dl class="facts">
      ${facts(run).map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  </header>`;
}

function facts(run: RunFacts): [string, Markup | string][] {
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
    ...(run.halts.length > 0 ? ([['Halts by design', run.halts.join(', ')]] as [string, string][]) : []),
  ];
}
