import { formatDuration } from '../format.ts';
import type { FaultReport, ReportModel, Tone } from '../model.ts';
import { html, type Markup } from './markup.ts';
import { pill } from './tones.ts';

/** What was broken on purpose, and the proofs of its effect and its end; nothing in a run without faults. */
export function faultsSection({ faults }: ReportModel): Markup | false {
  if (faults.length === 0) return false;
  return html`<section aria-labelledby="faults">
    <h2 id="faults">What was broken on purpose</h2>
    <p class="lead">A fault whose effect cannot be shown is void: what was seen meanwhile says nothing.</p>
    <table class="stack">
      <thead>
        <tr>
          <th scope="col">Fault</th>
          <th scope="col">State</th>
          <th scope="col">At</th>
          <th scope="col" class="number">Effect shown after</th>
          <th scope="col" class="number">Acted for</th>
          <th scope="col" class="number">Heal shown after</th>
        </tr>
      </thead>
      <tbody>
        ${faults.map(row)}
      </tbody>
    </table>
  </section>`;
}

function row({ fault, kind, nodes, state, voidReason, verifiedMs, healVerifiedMs, fromMs, toMs }: FaultReport): Markup {
  const [tone, label]: [Tone, string] =
    voidReason !== undefined
      ? ['unknown', 'void']
      : state === 'heal-verified'
        ? ['good', 'healed']
        : ['unknown', state];
  return html`<tr>
    <th scope="row">
      ${fault}
      <div class="about">${kind}</div>
    </th>
    <td>${pill(tone, label, 'small')}${voidReason !== undefined && html`<div class="why">${voidReason}</div>`}</td>
    <td>${nodes.join(', ')}</td>
    <td class="number" data-label="effect">${verifiedMs === undefined ? 'not shown' : formatDuration(verifiedMs)}</td>
    <td class="number" data-label="acted">${formatDuration(toMs - fromMs)}</td>
    <td class="number" data-label="heal">
      ${healVerifiedMs === undefined ? 'not shown' : formatDuration(healVerifiedMs)}
    </td>
  </tr>`;
}
