import { scaleLinear, type ScaleLinear } from 'd3-scale';
import type { Span, Timeline } from '../model.ts';
import { html, type Markup } from './markup.ts';

/** Chart for wide pages and print, or for a phone. */
export type ChartSize = 'wide' | 'narrow';

export interface Layout {
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
  /** Elements of a series. */
  maxPoints: number;
}

export interface Scales {
  layout: Layout;
  x: ScaleLinear<number, number>;
  bucketMs: number;
  endMs: number;
  maxRate: number;
  heights: [number, number];
  versions: readonly string[];
}

export function layoutOf(size: ChartSize, lanes: number): Layout {
  const density = lanes <= 8 ? 'roomy' : lanes <= 16 ? 'close' : 'dense';
  const plotHeight = { roomy: 46, close: 26, dense: 12 }[density];
  const gap = { roomy: 24, close: 14, dense: 7 }[density];
  const shared = {
    bandHeight: density === 'dense' ? 14 : 17,
    gateHeight: density === 'dense' ? 6 : 9,
    plotHeight,
    gap,
    maxPoints: (density === 'dense' ? 240 : 480) / (size === 'wide' ? 1 : 2),
  };
  return size === 'wide'
    ? { ...shared, width: 1080, left: 132, right: 1080, nameHeight: 0, maxTicks: 10 }
    : { ...shared, width: 380, left: 0, right: 380, nameHeight: 18, maxTicks: 4 };
}

export function scalesOf(timeline: Timeline, layout: Layout): Scales {
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

/** At least a pixel wide, so that nothing that happened is invisible. */
export function place({ fromMs, toMs }: Span, x: ScaleLinear<number, number>): Markup {
  return html`x="${round(x(fromMs))}" width="${round(Math.max(1, x(toMs) - x(fromMs)))}"`;
}

/** The colour of a release is its place among the run's releases. */
export function versionClass(versions: readonly string[], version: string): string {
  return `v${Math.max(0, versions.indexOf(version)) % 6}`;
}

/** A tenth of a pixel is all that a chart can show. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
