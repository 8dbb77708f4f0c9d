import { formatCount, formatDuration } from '../format.ts';
import type { GateWindow, Lane, ReleaseBand, Span, Timeline } from '../model.ts';
import {
  layoutOf,
  place,
  round,
  scalesOf,
  versionClass,
  type ChartSize,
  type Layout,
  type Scales,
} from './chart-scales.ts';
import { errorMarks, heightLine, traffic } from './chart-series.ts';
import { effectBar, marks } from './chart-marks.ts';
import { coarsenTimeline } from './coarsen.ts';
import { html, type Markup } from './markup.ts';
import { timeTicks } from './time-axis.ts';
import { verdictTones, verdictWords } from './tones.ts';

const topHeight = 34;
/** Below the lane of all nodes. */
const totalGap = 24;

/** The run as one picture: a lane for all nodes together and one for each, over a common time axis. */
export function timelineChart(full: Timeline, size: ChartSize): Markup {
  const layout = layoutOf(size, full.lanes.length);
  const timeline = coarsenTimeline(full, layout.maxPoints);
  const scales = scalesOf(timeline, layout);
  const laneHeight = layout.nameHeight + layout.bandHeight + layout.gateHeight + layout.plotHeight + layout.gap;
  const totalHeight = layout.nameHeight + Math.max(40, layout.plotHeight) + totalGap;
  const lanesTop = topHeight + totalHeight;
  const bottom = lanesTop + laneHeight * timeline.lanes.length;
  const title = `Timeline of ${timeline.lanes.length} nodes over ${formatDuration(timeline.endMs)}`;
  const id = `timeline-${size}`;
  return html`<svg
    class="chart chart-${size}"
    viewBox="0 0 ${layout.width} ${bottom + 8}"
    role="img"
    aria-labelledby="${id}-title ${id}-desc"
  >
    <title id="${id}-title">${title}</title>
    <desc id="${id}-desc">${describe(timeline)}</desc>
    ${rollbacks(timeline, scales, bottom)} ${axis(scales, bottom)} ${marks(timeline, scales, bottom)}
    ${totalLane(timeline, scales, topHeight, totalHeight)}
    ${timeline.lanes.map((lane, index) => nodeLane(lane, scales, lanesTop + index * laneHeight))}
  </svg>`;
}

function axis({ layout, x, endMs }: Scales, bottom: number): Markup[] {
  return timeTicks(endMs, layout.maxTicks).map(({ atMs, label }) => {
    const at = round(x(atMs));
    const anchor = at < layout.left + 12 ? 'start' : at > layout.right - 20 ? 'end' : 'middle';
    return html`<line class="grid" x1="${at}" x2="${at}" y1="20" y2="${bottom - layout.gap / 2}" />
      <text x="${at}" y="12" text-anchor="${anchor}">${label}</text>`;
  });
}

function rollbacks({ rollbacks: spans }: Timeline, { layout, x }: Scales, bottom: number): Markup[] {
  const y = { top: 20, bottom: bottom - layout.gap / 2 };
  return spans.map(({ fromMs, toMs, reason }) => {
    const from = round(x(fromMs));
    const label = from > layout.right - 70 ? { x: from - 5, anchor: 'end' } : { x: from + 5, anchor: 'start' };
    return html`<g>
      ${named(`rollback: ${reason}`)}
      <rect class="rollback" x="${from}" y="${y.top}" width="${round(x(toMs) - from)}" height="${y.bottom - y.top}" />
      <line class="rollback-edge" x1="${from}" x2="${from}" y1="${y.top}" y2="${y.bottom}" />
      <text class="rollback-label" x="${label.x}" y="31" text-anchor="${label.anchor}">rollback</text>
    </g>`;
  });
}

function totalLane({ total }: Timeline, scales: Scales, top: number, height: number): Markup {
  const { layout } = scales;
  const plotTop = top + layout.nameHeight;
  const plotHeight = height - layout.nameHeight - totalGap;
  const peak = total.acknowledgedPerSecond.reduce((a, b) => Math.max(a, b), 0);
  const caption = peak === 0 ? 'no transactions' : `up to ${formatCount(peak)} tx/s`;
  const captionAt =
    layout.nameHeight > 0 ? { x: layout.right, y: top + 12, anchor: 'end' } : { x: 0, y: top + 30, anchor: 'start' };
  return html`<g>
    <text class="name" x="0" y="${top + (layout.nameHeight > 0 ? 12 : 13)}">All nodes</text>
    <text x="${captionAt.x}" y="${captionAt.y}" text-anchor="${captionAt.anchor}">${caption}</text>
    ${traffic(total.acknowledgedPerSecond, peak, scales, plotTop, plotHeight)}
    ${errorMarks(total.errors, scales, plotTop + plotHeight)}
  </g>`;
}

function nodeLane(lane: Lane, scales: Scales, top: number): Markup {
  const { layout, x } = scales;
  const bandTop = top + layout.nameHeight;
  const gateTop = bandTop + layout.bandHeight + 2;
  const plotTop = gateTop + layout.gateHeight;
  const plotBottom = plotTop + layout.plotHeight;
  const isDense = layout.plotHeight < 20;
  return html`<g>
    ${named(lane.node)} ${laneLabels(lane, layout, top, isDense)}
    ${lane.down.map((span) => downTime(span, scales, plotTop))}
    ${traffic(lane.acknowledgedPerSecond, scales.maxRate, scales, plotTop, layout.plotHeight)}
    ${!isDense && heightLine(lane, scales, plotTop + 3, plotBottom - 3)} ${errorMarks(lane.errors, scales, plotBottom)}
    ${lane.releases.map((band) => releaseBand(band, scales, bandTop))}
    ${lane.gates.map((gate) => gateWindow(gate, scales, gateTop))}
    ${lane.effects.map((effect) => effectBar(effect, scales, bandTop))}
    ${lane.guards.map(({ atMs, text }) => guardMark(round(x(atMs)), gateTop, text))}
  </g>`;
}

/** Name and last height: above the lane on a phone, in a column of their own elsewhere. */
function laneLabels({ node, heights }: Lane, layout: Layout, top: number, isDense: boolean): Markup {
  const last = heights.findLast((height) => height !== null);
  const height = last == null ? '' : `height ${formatCount(last)}`;
  if (layout.nameHeight > 0) {
    return html`<text class="name" x="0" y="${top + 12}">${shorten(node, 34)}</text>
      <text x="${layout.right}" y="${top + 12}" text-anchor="end">${height}</text>`;
  }
  return html`<text class="name" x="0" y="${top + 13}">${shorten(node, 17)}</text>
    ${!isDense && html`<text x="0" y="${top + 30}">${height}</text>`}`;
}

function downTime(span: Span, { layout, x }: Scales, top: number): Markup {
  return html`<rect class="down" ${place(span, x)} y="${top}" height="${layout.plotHeight}">
    ${named(`did not answer for ${formatDuration(span.toMs - span.fromMs)}`)}
  </rect>`;
}

function releaseBand(band: ReleaseBand, { layout, x, versions }: Scales, top: number): Markup {
  const time = `${formatDuration(band.fromMs)} to ${formatDuration(band.toMs)}`;
  const box = html`${place(band, x)} y="${top}" height="${layout.bandHeight}"`;
  const { version } = band;
  if (version === null) {
    return html`<rect class="changing" ${box}> ${named(`being changed, ${time}`)} </rect>`;
  }
  const isLabelled = version.length * 6.4 + 12 <= x(band.toMs) - x(band.fromMs);
  const label = { x: round(x(band.fromMs) + 6), y: top + layout.bandHeight - 4.5 };
  return html`<g>
    ${named(`${version}, ${time}`)}
    <rect class="${versionClass(versions, version)}" ${box} rx="2" />
    ${isLabelled && html`<text class="on-band" x="${label.x}" y="${label.y}">${version}</text>`}
  </g>`;
}

function gateWindow(gate: GateWindow, { layout, x }: Scales, top: number): Markup {
  const { kind, fromMs, toMs } = gate;
  const phases = gate.phases.length === 0 ? [{ phase: 'observe', fromMs, toMs }] : gate.phases;
  const durations = phases.map((phase) => `${phase.phase} ${formatDuration(phase.toMs - phase.fromMs)}`).join(', ');
  const title = `gate ${gate.gate}: ${verdictWords[kind] ?? kind} after ${formatDuration(toMs - fromMs)} (${durations})`;
  const box = html`y="${top}" height="${layout.gateHeight - 3}"`;
  return html`<g class="g-${verdictTones[kind] ?? 'neutral'}">
    ${named(title)} ${phases.map((phase) => html`<rect class="p-${phase.phase}" ${place(phase, x)} ${box} />`)}
  </g>`;
}

/** What a pointer that rests on a part of the chart is told. */
function named(text: string): Markup {
  return html`<title>${text}</title>`;
}

function guardMark(at: number, top: number, text: string): Markup {
  return html`<path class="guard" d="M${at - 5} ${top - 2}h10l-5 9z"> ${named(`guard failed: ${text}`)} </path>`;
}

function describe({ lanes, rollbacks: spans }: Timeline): string {
  const texts = lanes.map(({ node, releases, gates }) => {
    const ran = releases.flatMap(({ version }) => version ?? []).join(', then ');
    const verdicts = gates.map(({ kind }) => verdictWords[kind] ?? kind).join(', ');
    return `${node} ran ${ran || 'nothing'}; gates: ${verdicts || 'none'}.`;
  });
  const rolled = spans.map(({ fromMs }) => `A rollback began after ${formatDuration(fromMs)}.`);
  return [...texts, ...rolled].join(' ');
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
