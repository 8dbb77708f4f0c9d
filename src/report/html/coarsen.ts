import type { Timeline } from '../model.ts';

/** The same timeline with at most `maxPoints` elements in a series, for a chart that has no pixels for more. */
export function coarsenTimeline(timeline: Timeline, maxPoints: number): Timeline {
  const every = Math.ceil(timeline.total.errors.length / maxPoints);
  if (every <= 1) return timeline;
  const rates = (list: readonly number[]): number[] => chunks(list, every).map((part) => sum(part) / part.length);
  const counts = (list: readonly number[]): number[] => chunks(list, every).map(sum);
  return {
    ...timeline,
    bucketMs: timeline.bucketMs * every,
    total: {
      acknowledgedPerSecond: rates(timeline.total.acknowledgedPerSecond),
      errors: counts(timeline.total.errors),
    },
    lanes: timeline.lanes.map((lane) => ({
      ...lane,
      acknowledgedPerSecond: rates(lane.acknowledgedPerSecond),
      errors: counts(lane.errors),
      heights: chunks(lane.heights, every).map((part) => part.findLast((height) => height !== null) ?? null),
    })),
  };
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}

function sum(list: readonly number[]): number {
  return list.reduce((a, b) => a + b, 0);
}
