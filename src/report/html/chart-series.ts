import { scaleLinear } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';
import { formatDuration, plural } from '../format.ts';
import type { Lane } from '../model.ts';
import { round, type Scales } from './chart-scales.ts';
import { html, type Markup } from './markup.ts';

export function traffic(
  rates: readonly number[],
  maxRate: number,
  scales: Scales,
  top: number,
  height: number,
): Markup {
  const { layout, x, bucketMs, endMs } = scales;
  const bottom = top + height;
  const base = html`<line class="base" x1="${layout.left}" x2="${layout.right}" y1="${bottom}" y2="${bottom}" />`;
  if (maxRate === 0) return base;
  const y = scaleLinear([0, maxRate], [bottom, top + 2]);
  // A last point at the end, because a step reaches from its own point to the next.
  const points = [
    ...rates.map((rate, bucket): [number, number] => [bucket * bucketMs, rate]),
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

export function heightLine({ heights }: Lane, scales: Scales, top: number, bottom: number): Markup {
  const { x, bucketMs, endMs } = scales;
  const y = scaleLinear(scales.heights, [bottom, top]);
  const points = heights.map((height, bucket): [number, number | null] => [
    Math.min((bucket + 0.5) * bucketMs, endMs),
    height,
  ]);
  const path = line<[number, number | null]>()
    .defined(([, height]) => height !== null)
    .x(([atMs]) => round(x(atMs)))
    .y(([, height]) => round(y(height ?? 0)))
    .digits(1)(points);
  return html`<path class="height" d="${path}" />`;
}

export function errorMarks(errors: readonly number[], { x, bucketMs }: Scales, bottom: number): Markup[] {
  return errors.flatMap((count, bucket) => {
    if (count === 0) return [];
    const from = x(bucket * bucketMs);
    const width = Math.max(2, x((bucket + 1) * bucketMs) - from - 1);
    const title = `${plural(count, 'error')} at ${formatDuration(bucket * bucketMs)}`;
    return html`<rect class="error" x="${round(from)}" y="${bottom - 1.5}" width="${round(width)}" height="5">
      <title>${title}</title>
    </rect>`;
  });
}
