import { UsageError } from '../../core/errors.ts';
import type { ErrorEpisode } from './episodes.ts';

/** How much a node was used from one time on; in any unit that is the same for all nodes: requests, blocks, seconds. */
export interface ExposureSample {
  node: string;
  atMs: number;
  amount: number;
}

export interface ComparisonSide {
  episodes: number;
  exposure: number;
}

/** A stretch of time, in which the canary's episodes stand beside those of the others. */
export interface ComparisonBin {
  fromMs: number;
  canary: ComparisonSide;
  control: ComparisonSide;
}

export interface ComparisonBinsOptions {
  episodes: readonly ErrorEpisode[];
  exposure: readonly ExposureSample[];
  canary: readonly string[];
  control: readonly string[];
  fromMs: number;
  toMs: number;
  /** Default 30 min. Several times as long as faults usually last: what happens in two bins is taken to be two faults. */
  binMs?: number;
}

/** Counts by side and bin. Only whole bins; nodes of neither side are left out. */
export function comparisonBins(options: ComparisonBinsOptions): ComparisonBin[] {
  const { episodes, exposure, canary, control, fromMs, toMs, binMs = 1_800_000 } = options;
  if (!(binMs > 0)) throw new UsageError(`A bin of a comparison needs a length in ms; got ${binMs}`);
  const both = canary.find((node) => control.includes(node));
  if (both !== undefined) throw new UsageError(`${both} cannot be canary and control at once`);
  const bins = Array.from({ length: Math.max(0, Math.floor((toMs - fromMs) / binMs)) }, (_, index) => ({
    fromMs: fromMs + index * binMs,
    canary: { episodes: 0, exposure: 0 },
    control: { episodes: 0, exposure: 0 },
  }));
  const sides = new Map<string, 'canary' | 'control'>([
    ...canary.map((node) => [node, 'canary'] as const),
    ...control.map((node) => [node, 'control'] as const),
  ]);
  const sideAt = (node: string, atMs: number): ComparisonSide | undefined => {
    const side = sides.get(node);
    return side && bins[Math.floor((atMs - fromMs) / binMs)]?.[side];
  };
  for (const { node, atMs } of episodes) {
    const side = sideAt(node, atMs);
    if (side) side.episodes++;
  }
  for (const { node, atMs, amount } of exposure) {
    const side = sideAt(node, atMs);
    if (side) side.exposure += amount;
  }
  return bins;
}
