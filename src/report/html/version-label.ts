import { html, type Markup } from './markup.ts';
import { versionClass } from './chart-scales.ts';

/** A version beside the colour that it has on the timeline. */
export function versionLabel(version: string, versions: readonly string[]): Markup {
  const colour = versions.includes(version) ? html`<i class="${versionClass(versions, version)}"></i>` : '';
  return html`<span class="version">${colour}${version}</span>`;
}
