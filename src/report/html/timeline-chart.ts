import { scaleLinear, type ScaleLinear } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';
import { formatCount, formatDuration } from '../format.ts';
import type { GateWindow, Lane, Span, Timeline } from '../model.ts';
import { html, type Markup } from './markup.ts';
import { timeTicks } from './time-axis.ts';
import { verdictTones, verdictWords } from './tones.ts';

/** Chart for wide pages and print, or for a phone. */
export type ChartSize = 'wide' | 'narrow';

interface Layout {
  width: number;
  /** Where the plot begins and ends. */
  left: number;
  right: number;
  /** Space above a lane's bands, for its name where there is no column for it. */
  nameHeight: number;
  bandHeight: number;
  gateHeight: number;
  plotHeight: number;
  gap: number;
  maxTicks: number;
}

interface Scales {
  layout: Layout;
  x: ScaleLinear<number, number>;
  bucketMs: number;
  endMs: number;
  maxRate: number;
  heights: [number, number];
  versions: readonly string[];
}

const topHeight = 34;

/** The run as one picture: a lane for all nodes together and one for each, over a common time axis. */
export function timelineChart(timeline: Timeline, size: ChartSize): Markup {
  const layout = layoutOf(size, timeline.lanes.length);
  const scales = scalesOf(timeline, layout);
  const laneHeight = layout.nameHeight + layout.bandHeight + layout.gateHeight + layout.plotHeight + layout.gap;
  const totalHeight = layout.nameHeight + Math.max(40, layout.plotHeight) + layout.gap;
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
    <defs>
      <pattern id="${id}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <line class="hatch-line" x1="0" y1="0" x2="0" y2="6" />
      </pattern>
    </defs>
    ${rollbacks(timeline, scales, bottom)} ${axis(scales, bottom)}
    ${totalLane(timeline, scales, topHeight, totalHeight)}
    ${timeline.lanes.map((lane, index) => nodeLane(lane, scales, lanesTop + index * laneHeight, `url(#${id}-hatch)`))}
  </svg>`;
}

function layoutOf(size: ChartSize, lanes: number): Layout {
  const density = lanes <= 8 ? 'roomy' : lanes <= 16 ? 'close' : 'dense';
  const plotHeight = { roomy: 46, close: 26, dense: 12 }[density];
  const gap = { roomy: 24, close: 14, dense: 7 }[density];
  const shared = {
    bandHeight: density === 'dense' ? 14 : 17,
    gateHeight: density === 'dense' ? 6 : 9,
    plotHeight,
    gap,
  };
  return size === 'wide'
    ? { ...shared, width: 1080, left: 132, right: 1010, nameHeight: 0, maxTicks: 10 }
    : { ...shared, width: 380, left: 0, right: 380, nameHeight: 18, maxTicks: 4 };
}

function scalesOf(timeline: Timeline, layout: Layout): Scales {
  const rates = timeline.lanes.flatMap((lane) => lane.acknowledgedPerSecond);
  const heights = timeline.lanes.flatMap((lane) => lane.heights.filter((height) => height !== null));
  const lowest = heights.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const highest = heights.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return {
    layout,
    x: scaleLinear([0, timeline.endMs], [layout.left, layout.right]),
    bucketMs: timeline.bucketMs,
    endMs: timeline.endMs,
    maxRate: rates.reduce((a, b) => Math.max(a, b), 0),
    heights: heights.length === 0 ? [0, 1] : [lowest, Math.max(highest, lowest + 1)],
    versions: timeline.versions,
  };
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
  const plotHeight = height - layout.nameHeight - layout.gap;
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

function nodeLane(lane: Lane, scales: Scales, top: number, hatch: string): Markup {
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
    ${bands(lane, scales, bandTop, hatch)} ${lane.gates.map((gate) => gateWindow(gate, scales, gateTop))}
    ${lane.guards.map(({ atMs, text }) => guardMark(round(x(atMs)), gateTop, text))}
  </g>`;
}

function bands(lane: Lane, { layout, x, versions }: Scales, top: number, hatch: string): Markup[] {
  return lane.releases.map((band) => {
    const wide = x(band.toMs) - x(band.fromMs);
    const time = `${formatDuration(band.fromMs)} to ${formatDuration(band.toMs)}`;
    if (band.version === null) {
      return html`<rect fill="${hatch}" ${place(band, x)} y="${top}" height="${layout.bandHeight}"
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

function traffic(rates: readonly number[], maxRate: number, scales: Scales, top: number, height: number): Markup {
  const { layout, x, bucketMs, endMs } = scales;
  const bottom = top + height;
  const base = html`<line class="base" x1="${layout.left}" x2="${layout.right}" y1="${bottom}" y2="${bottom}" />`;
  if (maxRate === 0) return base;
  const y = scaleLinear([0, maxRate], [bottom, top + 2]);
  // A last point at the end, because a step reaches from its own point to the next.
  const points = [
    ...thin(
      rates.map((rate, bucket): [number, number] => [bucket * bucketMs, rate]),
      layout,
    ),
    [endMs, rates.at(-1) ?? 0] as [number, number],
  ];
  const path = area()
    .x(([atMs]) => round(x(atMs)))
    .y0(bottom)
    .y1(([, rate]) => round(y(rate)))
    .digits(1)
    .curve(curveStepAfter)(points);
  return html`<path class="traffic" d="${path}" />${base}`;
}

function heightLine({ heights }: Lane, scales: Scales, top: number, bottom: number): Markup {
  const { layout, x, bucketMs, endMs } = scales;
  const y = scaleLinear(scales.heights, [bottom, top]);
  const points = thin(
    heights.map((height, bucket): [number, number | null] => [Math.min((bucket + 0.5) * bucketMs, endMs), height]),
    layout,
  );
  const path = line<[number, number | null]>()
    .defined(([, height]) => height !== null)
    .x(([atMs]) => round(x(atMs)))
    .y(([, height]) => round(y(height ?? 0)))
    .digits(1)(points);
  return html`<path class="height" d="${path}" />`;
}

function errorMarks(errors: readonly number[], { x, bucketMs }: Scales, bottom: number): Markup[] {
  const marks: Markup[] = [];
  for (const [bucket, count] of errors.entries()) {
    if (count === 0) continue;
    const from = x(bucket * bucketMs);
    const width = Math.max(2, x((bucket + 1) * bucketMs) - from - 1);
    marks.push(
      html`<rect class="error" x="${round(from)}" y="${bottom - 1.5}" width="${round(width)}" height="5"
        ><title>${formatCount(count)} errors at ${formatDuration(bucket * bucketMs)}</title></rect
      >`,
    );
  }
  return marks;
}

function guardMark(at: number, top: number, text: string): Markup {
  return html`<path class="guard" d="M${at - 5} ${top - 2}h10l-5 9z"><title>guard failed: ${text}</title></path>`;
}

/** A narrow chart has fewer pixels than a long run has buckets. */
function thin<T>(points: readonly T[], { right, left }: Layout): T[] {
  const every = Math.ceil(points.length / (right - left));
  return points.filter((_, index) => index % every === 0);
}

/** At least a pixel wide, so that nothing that happened is invisible. */
function place({ fromMs, toMs }: Span, x: ScaleLinear<number, number>): Markup {
  return html`x="${round(x(fromMs))}" width="${round(Math.max(1, x(toMs) - x(fromMs)))}"`;
}

/** The colour of a release is its place among the run's releases. */
export function versionClass(versions: readonly string[], version: string): string {
  return `v${Math.max(0, versions.indexOf(version)) % 6}`;
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

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
