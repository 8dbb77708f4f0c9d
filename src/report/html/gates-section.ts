import type { CheckSummary } from '../../gates/verdict.ts';
import { formatDuration, plural } from '../format.ts';
import type { GateReport, ReportModel } from '../model.ts';
import { evidenceLink } from './evidence-link.ts';
import { html, type Markup } from './markup.ts';
import { slotStrip } from './slot-strip.ts';
import { pill, verdictTones, verdictWords } from './tones.ts';

/** More rows say nothing more; those that did not hold come first. The JSON report has them all. */
const maxRows = 40;

/** Every gate with its verdict, reason, checks slot by slot, and evidence. Gates that did not pass are open. */
export function gatesSection({ gates, guards, run }: ReportModel): Markup {
  return html`<section aria-labelledby="gates">
    <h2 id="gates">Verdicts and their evidence</h2>
    <p class="lead">
      ${gates.length === 0 ? 'No gate was run.' : 'Each slot of a check is one look at the node: low and filled when it held, full height when it was bad, an outline when nothing was known.'}${run.weak && html` <span class="unknown">The ${run.gate} profile watches too briefly to prove much.</span>`}
    </p>
    ${gates.map(gateDetails)}
    ${
      guards.length > 0 &&
      html`<h3 class="later">Guards that failed after their gate had passed</h3>
        <ul class="notes">
          ${guards.map(
            ({ atMs, node, check, reason, step }) =>
              html`<li>
                <span class="soft">${formatDuration(atMs)}</span
                ><span><strong>${check}</strong> of ${node}, during ${step}: ${reason}</span>
              </li>`,
          )}
        </ul>`
    }
  </section>`;
}

function gateDetails(gate: GateReport): Markup {
  const { kind, reason, step, checks, phases, profile, weak, cause, evidence, slots } = gate;
  const shown = [...checks].sort((a, b) => trouble(b) - trouble(a)).slice(0, maxRows);
  const hasSeveralNodes = new Set(checks.map(({ node }) => node)).size > 1;
  return html`<details ${kind !== 'PASS' && 'open'}>
    <summary>
      ${pill(verdictTones[kind] ?? 'neutral', verdictWords[kind] ?? kind, 'small')}
      <h3>${step}</h3>
      <span class="reason soft">${reason}</span
      ><span class="took soft nowrap">${formatDuration(gate.toMs - gate.fromMs)}</span>
    </summary>
    <div class="gate">
      ${
        checks.length > 0 &&
        html`<table class="stack checks">
          <thead>
            <tr>
              <th scope="col">Check</th>
              ${hasSeveralNodes && html`<th scope="col">Node</th>`}
              <th scope="col">Slots, oldest first</th>
              <th scope="col" class="number">Held</th>
              <th scope="col" class="number">Bad</th>
              <th scope="col" class="number">Unknown</th>
              <th scope="col">Last trouble</th>
            </tr>
          </thead>
          <tbody>
            ${shown.map((check) => checkRow(check, hasSeveralNodes))}
          </tbody>
        </table>`
      }
      ${checks.length > shown.length && html`<p class="soft">${plural(checks.length - shown.length, 'more check')} without trouble or beyond the first ${maxRows}; all are in the JSON report.</p>`}
      <div class="provenance">
        <span>cause: <code>${cause}</code></span
        ><span>profile ${profile}${weak && ' (weak)'}</span
        ><span>${plural(slots, 'slot')}</span
        >${phases.map(({ phase, fromMs, toMs }) => html`<span>${phase} ${formatDuration(toMs - fromMs)}</span>`)}${evidence && evidenceLink(evidence)}
      </div>
    </div>
  </details>`;
}

function checkRow(
  { check, node, critical, advisory, slots, ok, bad, unknown, lastDetail }: CheckSummary,
  hasNode: boolean,
): Markup {
  const weight = critical ? 'critical' : advisory ? 'advisory' : '';
  return html`<tr>
    <th scope="row">${check}${weight !== '' && html` <span class="about">${weight}</span>`}</th>
    ${hasNode && html`<td class="nowrap" data-label="Node">${node}</td>`}
    <td class="slots">${slotStrip(slots, { ok, bad, unknown })}</td>
    <td class="number" data-label="Held">${ok}</td>
    <td class="number ${bad > 0 ? 'bad' : 'soft'}" data-label="Bad">${bad}</td>
    <td class="number ${unknown > 0 ? 'unknown' : 'soft'}" data-label="Unknown">${unknown}</td>
    <td class="soft detail">${lastDetail}</td>
  </tr>`;
}

function trouble({ bad, unknown, critical }: CheckSummary): number {
  return (bad > 0 ? 4 : 0) + (unknown > 0 ? 2 : 0) + (critical && bad > 0 ? 1 : 0);
}
