import { formatCount, formatDuration } from '../format.ts';
import type { GateWindow, Lane, Timeline } from '../model.ts';
import { layoutOf, place, round, scalesOf, versionClass, type ChartSize, type Scales } from './chart-scales.ts';
import { errorMarks, heightLine, traffic } from './chart-series.ts';
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
    viewBox="0 0 ${layout.width} ${bottom + 4}"
    role="img"
    aria-labelledby="${id}-title ${id}-desc"
  >
    <title id="${id}-title">${title}</title>
    <desc id="${id}-desc">${describe(timeline)}</desc>
    ${rollbacks(timeline, scales, bottom)} ${axis(scales, bottom)}
    ${totalLane(timeline, scales, topHeight, totalHeight)}
    ${timeline.lanes.map((lane, index) => nodeLane(lane, scales, lanesTop + index * laneHeight))}
  </svg>`;
}

function axis({ layout, x, endMs }: Scales, bottom: number): Markup {
  return html`<g
    >${timeTicks(endMs, layout.maxTicks).map(({ atMs, label }) => {
      const at = round(x(atMs));
      const anchor = at < layout.left + 12 ? 'start' : at > layout.right - 20 ? 'end' : 'middle';
      return html`<line class="grid" x1="${at}" x2="${at}" y1="20" y2="${bottom - layout.gap / 2}" /><text
          x="${at}"
          y="12"
          text-anchor="${anchor}"
          >${label}</text
        >`;
    })}</g
  >`;
}

function rollbacks({ rollbacks: spans }: Timeline, { layout, x }: Scales, bottom: number): Markup[] {
  return spans.map(({ fromMs, toMs, reason }) => {
    const from = round(x(fromMs));
    const to = round(x(toMs));
    const isLate = from > layout.right - 70;
    return html`<g
      ><title>Rollback: ${reason}</title
      ><rect
        class="rollback"
        x="${from}"
        y="20"
        width="${round(to - from)}"
        height="${bottom - layout.gap / 2 - 20}"
      /><line class="rollback-edge" x1="${from}" x2="${from}" y1="20" y2="${bottom - layout.gap / 2}" /><text
        class="rollback-label"
        x="${isLate ? from - 5 : from + 5}"
        y="31"
        text-anchor="${isLate ? 'end' : 'start'}"
        >rollback</text
      ></g
    >`;
  });
}

function totalLane({ total }: Timeline, scales: Scales, top: number, height: number): Markup {
  const { layout } = scales;
  const plotTop = top + layout.nameHeight;
  const plotHeight = height - layout.nameHeight - totalGap;
  const peak = total.acknowledgedPerSecond.reduce((a, b) => Math.max(a, b), 0);
  const caption = peak === 0 ? 'no transactions' : `up to ${formatCount(peak)} tx/s`;
  const label =
    layout.nameHeight > 0
      ? html`<text class="name" x="0" y="${top + 12}">All nodes</text
          ><text x="${layout.right}" y="${top + 12}" text-anchor="end">${caption}</text>`
      : html`<text class="name" x="0" y="${plotTop + 13}">All nodes</text
          ><text x="0" y="${plotTop + 30}">${caption}</text>`;
  return html`<g
    >${label}${traffic(total.acknowledgedPerSecond, peak, scales, plotTop, plotHeight)}${errorMarks(total.errors, scales, plotTop + plotHeight)}</g
  >`;
}

function nodeLane(lane: Lane, scales: Scales, top: number): Markup {
  const { layout, x } = scales;
  const bandTop = top + layout.nameHeight;
  const gateTop = bandTop + layout.bandHeight + 2;
  const plotTop = gateTop + layout.gateHeight;
  const plotBottom = plotTop + layout.plotHeight;
  const lastHeight = lane.heights.findLast((height) => height !== null);
  const isDense = layout.plotHeight < 20;
  const height = lastHeight == null ? '' : `height ${formatCount(lastHeight)}`;
  const name = shorten(lane.node, layout.nameHeight > 0 ? 34 : 17);
  return html`<g
    ><title>${lane.node}</title>
    <text class="name" x="0" y="${layout.nameHeight > 0 ? top + 12 : bandTop + 13}">${name}</text>
    ${height !== '' && (layout.nameHeight > 0 ? html`<text x="${layout.right}" y="${top + 12}" text-anchor="end">${height}</text>` : !isDense && html`<text x="0" y="${bandTop + 30}">${height}</text>`)}
    ${lane.down.map((span) => html`<rect class="down" ${place(span, x)} y="${plotTop}" height="${layout.plotHeight}"><title>did not answer for ${formatDuration(span.toMs - span.fromMs)}</title></rect>`)}
    ${traffic(lane.acknowledgedPerSecond, scales.maxRate, scales, plotTop, layout.plotHeight)}
    ${!isDense && heightLine(lane, scales, plotTop + 3, plotBottom - 3)} ${errorMarks(lane.errors, scales, plotBottom)}
    ${bands(lane, scales, bandTop)} ${lane.gates.map((gate) => gateWindow(gate, scales, gateTop))}
    ${lane.guards.map(({ atMs, text }) => guardMark(round(x(atMs)), gateTop, text))}
  </g>`;
}

function bands(lane: Lane, { layout, x, versions }: Scales, top: number): Markup[] {
  return lane.releases.map((band) => {
    const wide = x(band.toMs) - x(band.fromMs);
    const time = `${formatDuration(band.fromMs)} to ${formatDuration(band.toMs)}`;
    if (band.version === null) {
      return html`<rect class="changing" ${place(band, x)} y="${top}" height="${layout.bandHeight}"
        ><title>being changed, ${time}</title></rect
      >`;
    }
    const label = band.version.length * 6.4 + 12 <= wide ? band.version : '';
    return html`<g
      ><title>${band.version}, ${time}</title
      ><rect
        class="${versionClass(versions, band.version)}"
        ${place(band, x)}
        y="${top}"
        height="${layout.bandHeight}"
        rx="2"
      />${label !== '' && html`<text class="on-band" x="${round(x(band.fromMs) + 6)}" y="${top + layout.bandHeight - 4.5}">${label}</text>`}</g
    >`;
  });
}

function gateWindow(gate: GateWindow, { layout, x }: Scales, top: number): Markup {
  const tone = verdictTones[gate.kind] ?? 'neutral';
  const word = verdictWords[gate.kind] ?? gate.kind;
  const phases = gate.phases.length === 0 ? [{ phase: 'observe', fromMs: gate.fromMs, toMs: gate.toMs }] : gate.phases;
  return html`<g class="g-${tone}"
    ><title>
      gate ${gate.gate}: ${word} after ${formatDuration(gate.toMs - gate.fromMs)}
      (${phases.map(({ phase, fromMs, toMs }) => `${phase} ${formatDuration(toMs - fromMs)}`).join(', ')})</title
    >${phases.map((phase) => html`<rect class="p-${phase.phase}" ${place(phase, x)} y="${top}" height="${layout.gateHeight - 3}" />`)}</g
  >`;
}

function guardMark(at: number, top: number, text: string): Markup {
  return html`<path class="guard" d="M${at - 5} ${top - 2}h10l-5 9z"><title>guard failed: ${text}</title></path>`;
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
