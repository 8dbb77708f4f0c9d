import type { Lane, Timeline } from '../model.ts';
import { place, round, type Scales } from './chart-scales.ts';
import { html, type Markup } from './markup.ts';

/** Labels of marks that are closer would lie on each other. */
const minLabelGap = 58;

/** Moments that concern the whole run, as lines across all lanes. */
export function marks({ marks: list }: Timeline, { layout, x }: Scales, bottom: number): Markup[] {
  let lastLabelAt = Number.NEGATIVE_INFINITY;
  return list.map(({ atMs, label, text }) => {
    const at = round(x(atMs));
    const isLabelled = at - lastLabelAt >= minLabelGap;
    if (isLabelled) lastLabelAt = at;
    const side = at > layout.right - minLabelGap ? { x: at - 4, anchor: 'end' } : { x: at + 4, anchor: 'start' };
    const end = bottom - layout.gap / 2;
    return html`<g>
      <title>${text}</title>
      <line class="mark" x1="${at}" x2="${at}" y1="20" y2="${end}" />
      ${isLabelled && html`<text class="mark-label" x="${side.x}" y="${end + 10}" text-anchor="${side.anchor}">${label}</text>`}
    </g>`;
  });
}

/** Something that was done to a node beside changing its release, on the band of its release. */
export function effectBar(effect: Lane['effects'][number], { layout, x }: Scales, bandTop: number): Markup {
  const height = 4;
  const y = bandTop + (layout.bandHeight - height) / 2;
  return html`<rect class="effect" ${place(effect, x)} y="${y}" height="${height}"
    ><title>${effect.text}</title></rect
  >`;
}
