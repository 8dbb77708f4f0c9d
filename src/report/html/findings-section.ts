import { formatDuration } from '../format.ts';
import type { FindingReport, ReportModel } from '../model.ts';
import { evidenceLink } from './evidence-link.ts';
import { html, type Markup } from './markup.ts';
import { findingTones, findingWords, pill } from './tones.ts';

const subjects: Record<FindingReport['finding'], string> = {
  activation: 'Is it active?',
  switchback: 'Is the changed node worse?',
  comparison: 'Is the new release worse?',
  'missed-slots': 'What happened while nobody looked?',
  restore: 'Data put back',
  contract: 'Are its metrics and log fields kept?',
  hold: 'What held while it was broken?',
  telemetry: 'Does telemetry arrive?',
  slo: 'Do the service levels hold?',
};

/** What the steps that ask something found, with the evidence; nothing in a run without such steps. */
export function findingsSection({ findings }: ReportModel): Markup | false {
  if (findings.length === 0) return false;
  return html`<section aria-labelledby="findings">
    <h2 id="findings">What was found</h2>
    <p class="lead">
      What steps asked of the network. A proof must pass. A comparison may only veto: what it could not find out is
      said, and the run goes on.
    </p>
    <table class="stack">
      <thead>
        <tr>
          <th scope="col">Question</th>
          <th scope="col">Answer</th>
          <th scope="col">Nodes</th>
          <th scope="col">Why</th>
          <th scope="col">Evidence</th>
          <th scope="col" class="number">After</th>
        </tr>
      </thead>
      <tbody>
        ${findings.map(row)}
      </tbody>
    </table>
  </section>`;
}

function row({ finding, verdict, nodes, reason, evidence, atMs, step }: FindingReport): Markup {
  return html`<tr>
    <th scope="row">
      ${subjects[finding] ?? finding}
      <div class="about">${step}</div>
    </th>
    <td>${pill(findingTones[verdict] ?? 'unknown', findingWords[verdict] ?? verdict, 'small')}</td>
    <td data-label="Nodes">
      ${nodes.map((node, index) => html`${index > 0 && ', '}<span class="nowrap">${node}</span>`)}
    </td>
    <td data-label="Why">${reason}</td>
    <td>${evidence && evidenceLink(evidence)}</td>
    <td class="number" data-label="After">${formatDuration(atMs)}</td>
  </tr>`;
}
