import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { writeFileAtomic } from '../core/files.ts';
import type { RunMetrics } from './run-metrics.ts';

export const metricsFileName = 'metrics.txt';

export interface MetricsFileOptions {
  runDir: string;
  metrics: Pick<RunMetrics, 'text'>;
  clock: Clock;
  /** Default 5 000. */
  intervalMs?: number;
  /** Told once, when the file cannot be written. */
  onProblem?: (problem: string) => void;
}

/**
 * Keeps `metrics.txt` of a run up to date: it is replaced whole, every few seconds while something changes, and by `close`. A file that
 * cannot be written disturbs nothing: `onProblem` is told.
 */
export function keepMetricsFile(options: MetricsFileOptions): { close(): Promise<void> } {
  const { runDir, metrics, clock, intervalMs = 5_000, onProblem } = options;
  const stop = new AbortController();
  let written: string | undefined;
  let hasFailed = false;
  const write = async (): Promise<void> => {
    try {
      const text = await metrics.text();
      if (text === written) return;
      await writeFileAtomic(join(runDir, metricsFileName), text);
      written = text;
    } catch (error) {
      if (!hasFailed) onProblem?.(`${join(runDir, metricsFileName)} cannot be written: ${messageOf(error)}`);
      hasFailed = true;
    }
  };
  const keep = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await clock.sleep(intervalMs, stop.signal).catch(() => undefined);
      await write();
    }
  };
  const kept = keep();
  return {
    async close() {
      stop.abort();
      await kept;
    },
  };
}
