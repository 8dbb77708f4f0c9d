import { shortHash } from '../format.ts';
import type { NodeReport, NodeState, ReportModel } from '../model.ts';
import { html, type Markup } from './markup.ts';
import { versionLabel } from './version-label.ts';

/** Every node before and after the run. */
export function nodesSection({ nodes, run, timeline }: ReportModel): Markup {
  const isFinished = run.outcome !== 'unfinished';
  const after = isFinished ? 'After' : 'Last known';
  const changed = nodes.filter(({ isChanged }) => isChanged).length;
  return html`<section aria-labelledby="nodes">
    <h2 id="nodes">Nodes before and ${isFinished ? 'after' : 'as last known'}</h2>
    <p class="lead">
      ${changed === 0 ? 'No node runs anything else than before.' : `${changed} of ${nodes.length} nodes ${isFinished ? 'run something else than before.' : 'were touched.'}`}
    </p>
    <table class="stack">
      <thead>
        <tr>
          <th scope="col">Node</th>
          <th scope="col">Before</th>
          <th scope="col">${after}</th>
          <th scope="col">Digest</th>
          <th scope="col">Generation</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        ${nodes.map((node) => row(node, timeline.versions, after))}
      </tbody>
    </table>
  </section>`;
}

function row(
  { node, before, after, isChanged, inDoubt }: NodeReport,
  versions: readonly string[],
  afterLabel: string,
): Markup {
  const version = (state: NodeState | undefined): Markup =>
    state ? versionLabel(state.version, versions) : html`<span class="soft">absent</span>`;
  const digests = pair(before && shortHash(before.digest), after && shortHash(after.digest));
  const generations = pair(before && shortHash(before.generation, 8), after && shortHash(after.generation, 8));
  return html`<tr class="${isChanged ? '' : 'muted'}">
    <th scope="row">${node}</th>
    <td data-label="Before">${version(before)}</td>
    <td data-label="${afterLabel}">
      ${version(after)}${inDoubt !== undefined && html`<div class="unknown">${inDoubt}</div>`}
    </td>
    <td data-label="Digest">${digests}</td>
    <td data-label="Generation">${generations}</td>
    <td data-label="State">
      ${before?.state === after?.state ? after?.state : `${before?.state ?? 'absent'} → ${after?.state ?? 'absent'}`}
    </td>
  </tr>`;
}

/** One value where nothing changed, else both. */
function pair(before: string | undefined, after: string | undefined): Markup {
  if (before === after || after === undefined || after === '') return html`<code>${before}</code>`;
  if (before === undefined) return html`<code>${after}</code>`;
  return html`<span class="change"><code>${before}</code><span class="arrow">→</span><code>${after}</code></span>`;
}
