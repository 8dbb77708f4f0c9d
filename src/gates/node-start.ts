import { processStartMetric } from './stored-series.ts';
import { metricNumber, type MetricSample, type NodeReading, type SlotReading } from './readings.ts';

/** One start of a node and how long ago it was. */
export interface StartSeen {
  /** Changes with every start. */
  instance: string;
  ageMs: number;
  /** Wall time of the start as it was first told. */
  startedAtMs: number;
}

/** Two ticks of the system's clock, rounded to whole seconds by whoever exposes it. */
const sameStartSeconds = 1;

/**
 * Knows for how long the present start of a node has been running, on the monotonic clock: what is set on a wall clock while a gate runs
 * makes no start younger or older. Must see every slot, in order.
 */
export class NodeStart {
  #instance: string | undefined;
  #startedMonoMs = 0;
  #startedAtMs = 0;
  #processStart: number | undefined;
  #restarts = 0;

  /**
   * Undefined while nobody has seen what runs. `processStart`: the node's own word, in seconds, where it exposes one, and how long ago it said
   * so first.
   */
  see(
    seen: NodeReading,
    { atMs, monoMs }: SlotReading,
    processStart?: number,
    saidAgoMs: number = 0,
  ): StartSeen | undefined {
    const identity = seen.observation.ok ? seen.observation.value.identity : undefined;
    if (identity && identity.instance !== this.#instance) {
      this.#instance = identity.instance;
      this.#startedAtMs = identity.startedAtMs;
      this.#startedMonoMs = monoMs - Math.max(0, atMs - identity.startedAtMs);
      this.#processStart = processStart;
    }
    if (this.#instance === undefined) return undefined;
    if (processStart !== undefined) {
      if (isLaterStart(this.#processStart, processStart)) {
        // A restart that only the process itself tells of, as under a supervisor inside a container.
        this.#restarts++;
        this.#startedMonoMs = monoMs - saidAgoMs;
      }
      this.#processStart = processStart;
    }
    const instance = `${this.#instance}+${this.#restarts}`;
    return { instance, ageMs: monoMs - this.#startedMonoMs, startedAtMs: this.#startedAtMs };
  }
}

export function isLaterStart(before: number | undefined, seconds: number): boolean {
  return before !== undefined && seconds > before + sameStartSeconds;
}

/** The start that a node's own metrics tell, in seconds; undefined when they tell none or several. */
export function processStartOf(samples: readonly MetricSample[]): number | undefined {
  const [only, another] = samples.filter(({ name }) => name === processStartMetric);
  const seconds = only && !another ? metricNumber(only.value) : NaN;
  return Number.isFinite(seconds) ? seconds : undefined;
}
