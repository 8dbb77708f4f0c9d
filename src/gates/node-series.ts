import type { CounterReading } from './counter-window.ts';
import type { MetricSample } from './readings.ts';
import type { Sample } from './verdict.ts';

/** The series of one node that a check may look at, and when and of which start of the node they are. */
export interface NodeSeries extends CounterReading {
  samples: readonly MetricSample[];
  /** Whether the node exposes this family at all, be it empty. */
  isExposed(metric: string): boolean;
}

export type SeriesJudge = (series: NodeSeries) => Sample;
