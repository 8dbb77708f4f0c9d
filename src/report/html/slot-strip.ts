import { plural } from '../format.ts';
import { html, type Markup } from './markup.ts';

const maxCells = 60;
const cell = 6;

/**
 * The slots of a check, oldest first: filled and low where it held, filled and full where it was bad, an outline where nothing was
 * known. A long strip is joined into cells that show the worst of their slots.
 */
export function slotStrip(slots: string): Markup {
  if (slots === '') return html`<span class="soft">no slots</span>`;
  const cells = joinSlots(slots, maxCells);
  const counts = { ok: countOf(slots, '+'), bad: countOf(slots, '-'), unknown: countOf(slots, '?') };
  const label = `${plural(slots.length, 'slot')}: ${counts.ok} held, ${counts.bad} bad, ${counts.unknown} unknown`;
  const width = maxCells * cell;
  return html`<svg
    class="strip"
    viewBox="0 0 ${width} 16"
    preserveAspectRatio="xMinYMid meet"
    role="img"
    aria-label="${label}"
  >
    <title>${label}</title>
    ${cells.split('').map(shape)}
  </svg>`;
}

/** At most `limit` cells, each the worst of its slots. */
export function joinSlots(slots: string, limit: number): string {
  if (slots.length <= limit) return slots;
  return Array.from({ length: limit }, (_, index) => {
    const part = slots.slice(
      Math.floor((index * slots.length) / limit),
      Math.floor(((index + 1) * slots.length) / limit),
    );
    return part.includes('-') ? '-' : part.includes('?') ? '?' : '+';
  }).join('');
}

function shape(state: string, index: number): Markup {
  const x = index * cell;
  if (state === '+') return html`<rect class="s-good" x="${x}" y="5" width="4.6" height="6" rx="1" />`;
  if (state === '-') return html`<rect class="s-bad" x="${x}" y="1" width="4.6" height="14" rx="1" />`;
  return html`<rect class="s-unknown" x="${x + 0.7}" y="3.7" width="3.2" height="8.6" rx="1" />`;
}

function countOf(slots: string, state: string): number {
  return slots.split(state).length - 1;
}
