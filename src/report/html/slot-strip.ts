import { plural } from '../format.ts';
import { html, type Markup } from './markup.ts';

const maxCells = 60;
const height = 16;

/**
 * The slots of a check, oldest first: filled and low where it held, filled and full where it was bad, an outline where nothing was
 * known. A long strip is joined into cells that show the worst of their slots; `counts` are of all slots, where `slots` was joined already.
 */
export function slotStrip(
  slots: string,
  counts = { ok: countOf(slots, '+'), bad: countOf(slots, '-'), unknown: countOf(slots, '?') },
): Markup {
  if (slots === '') return html`<span class="soft">no slots</span>`;
  const cells = joinSlots(slots, maxCells).split('');
  const pitch = cells.length <= 16 ? 12 : cells.length <= 30 ? 9 : 5;
  const label = `${plural(counts.ok + counts.bad + counts.unknown, 'slot')}: ${counts.ok} held, ${counts.bad} bad, ${counts.unknown} unknown`;
  const width = cells.length * pitch;
  return html`<svg
    class="strip"
    width="${width}"
    height="${height}"
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-label="${label}"
  >
    <title>${label}</title>
    ${cells.map((state, index) => cell(state, index * pitch, pitch - (pitch > 6 ? 2 : 1)))}
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

function cell(state: string, x: number, width: number): Markup {
  if (state === '+') return html`<rect class="s-good" x="${x}" y="5" width="${width}" height="6" rx="1" />`;
  if (state === '-') return html`<rect class="s-bad" x="${x}" y="1" width="${width}" height="14" rx="1" />`;
  return html`<rect class="s-unknown" x="${x + 0.7}" y="3.7" width="${width - 1.4}" height="8.6" rx="1" />`;
}

function countOf(slots: string, state: string): number {
  return slots.split(state).length - 1;
}
