import { shortHash } from '../format.ts';
import type { EvidenceReference } from '../model.ts';
import { html, type Markup } from './markup.ts';

/** Links to the file of a piece of evidence; the page stands in the run's folder. */
export function evidenceLink({ hash, file, state }: EvidenceReference): Markup {
  const name = html`<code>${shortHash(hash)}</code>`;
  if (file === undefined) return html`<span class="bad" title="${hash}">evidence ${name} is missing</span>`;
  const note =
    state === 'verified' ? html`<span class="soft">(verified)</span>` : html`<span class="bad">(changed since)</span>`;
  return html`<span class="nowrap"><a href="${file}" title="${hash}">evidence ${name}</a> ${note}</span>`;
}
