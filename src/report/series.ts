import type { ObservationLine } from '../journal/records.ts';
import type { Series, Span } from './model.ts';

const firstBucketMs = 1000;
/** More than a chart has pixels for; days of a run end up in as many numbers as a minute. */
const maxBuckets = 480;
/** When a node was not looked at for longer, nothing is drawn for the time between. */
const maxGapMs = 30_000;

interface NodeSeries {
  acknowledged: number[];
  errors: number[];
  heights: (number | undefined)[];
  down: Span[];
  last: { atMs: number; height: number | undefined; alive: boolean } | undefined;
}

/** Sums observations up into buckets while they are read; the buckets double whenever the run outgrows them. */
export class SeriesAccumulator {
  readonly #nodes = new Map<string, NodeSeries>();
  #bucketMs = firstBucketMs;
  #lines = 0;
  #endMs = 0;

  get lines(): number {
    return this.#lines;
  }

  /** Time of the last observation, or 0. */
  get endMs(): number {
    return this.#endMs;
  }

  /** `atMs` is the time since the start of the run; what lies before counts as its start. */
  add(line: ObservationLine, atMs: number): void {
    const offsetMs = Math.max(0, atMs);
    this.coverUntil(offsetMs);
    this.#lines++;
    const series = this.#seriesOf(line.node);
    const { last } = series;
    // A line that stands for a longer time leaves no gap behind it.
    const spanMs = Math.max(maxGapMs, line.sinceMs === undefined ? 0 : line.atMs - line.sinceMs);
    const sinceMs = Math.max(last?.atMs ?? 0, offsetMs - (last ? spanMs : firstBucketMs));
    spread(series.acknowledged, line.acknowledged, sinceMs, offsetMs, this.#bucketMs);
    const bucket = Math.floor(offsetMs / this.#bucketMs);
    if (line.errors > 0) series.errors[bucket] = (series.errors[bucket] ?? 0) + line.errors;
    if (line.height !== undefined) {
      if (last?.height !== undefined && offsetMs - last.atMs <= spanMs) {
        for (let gap = Math.floor(last.atMs / this.#bucketMs) + 1; gap < bucket; gap++)
          series.heights[gap] = last.height;
      }
      series.heights[bucket] = line.height;
    }
    this.#noteDown(series, offsetMs, line.alive);
    series.last = { atMs: offsetMs, height: line.height, alive: line.alive };
  }

  /** Makes the buckets wide enough for a run of this length. */
  coverUntil(endMs: number): void {
    this.#endMs = Math.max(this.#endMs, endMs);
    while (endMs >= this.#bucketMs * maxBuckets) this.#double();
  }

  get bucketMs(): number {
    return this.#bucketMs;
  }

  /** The series of a node, filled up to `endMs`; all empty when it was never observed. */
  seriesOf(node: string, endMs: number): Series & { down: Span[] } {
    const series = this.#nodes.get(node);
    const buckets = Array.from({ length: Math.max(1, Math.ceil(endMs / this.#bucketMs)) }, (_, index) => index);
    return {
      acknowledgedPerSecond: buckets.map((bucket) => {
        // The last bucket is cut by the end of the run; a sliver of one would give a wild rate.
        const widthMs = Math.min(this.#bucketMs, Math.max(endMs - bucket * this.#bucketMs, this.#bucketMs / 4));
        return round(((series?.acknowledged[bucket] ?? 0) * 1000) / widthMs);
      }),
      errors: buckets.map((bucket) => series?.errors[bucket] ?? 0),
      heights: buckets.map((bucket) => series?.heights[bucket] ?? null),
      down: series ? mergeClose(series.down, this.#bucketMs) : [],
    };
  }

  #noteDown(series: NodeSeries, atMs: number, alive: boolean): void {
    const open = series.down.at(-1);
    if (series.last?.alive === false && open) open.toMs = atMs;
    else if (!alive) series.down.push({ fromMs: atMs, toMs: atMs });
    if (series.down.length > 2 * maxBuckets) series.down = mergeClose(series.down, this.#bucketMs);
  }

  #seriesOf(node: string): NodeSeries {
    let series = this.#nodes.get(node);
    if (!series) {
      series = { acknowledged: [], errors: [], heights: [], down: [], last: undefined };
      this.#nodes.set(node, series);
    }
    return series;
  }

  #double(): void {
    this.#bucketMs *= 2;
    for (const series of this.#nodes.values()) {
      series.acknowledged = pairs(series.acknowledged, (a = 0, b = 0) => a + b);
      series.errors = pairs(series.errors, (a = 0, b = 0) => a + b);
      series.heights = pairs(series.heights, (a, b) => b ?? a);
    }
  }
}

/** Adds the series of several nodes up. */
export function sumSeries(list: readonly number[][]): number[] {
  const sums: number[] = [];
  for (const series of list) {
    for (const [index, value] of series.entries()) sums[index] = round((sums[index] ?? 0) + value);
  }
  return sums;
}

function spread(buckets: number[], amount: number, fromMs: number, toMs: number, bucketMs: number): void {
  if (amount === 0) return;
  const first = Math.floor(fromMs / bucketMs);
  const last = Math.floor(toMs / bucketMs);
  for (let bucket = first; bucket <= last; bucket++) {
    const overlapMs = Math.min(toMs, (bucket + 1) * bucketMs) - Math.max(fromMs, bucket * bucketMs);
    const share = toMs > fromMs ? overlapMs / (toMs - fromMs) : 1;
    buckets[bucket] = (buckets[bucket] ?? 0) + amount * share;
  }
}

function pairs<T, R>(list: readonly T[], join: (a: T | undefined, b: T | undefined) => R): R[] {
  return Array.from({ length: Math.ceil(list.length / 2) }, (_, index) => join(list[2 * index], list[2 * index + 1]));
}

/** Spans that are closer than a bucket cannot be told apart on the chart. */
function mergeClose(spans: readonly Span[], bucketMs: number): Span[] {
  const merged: Span[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last && span.fromMs - last.toMs < bucketMs) last.toMs = span.toMs;
    else merged.push({ ...span });
  }
  return merged;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
