import type { SlotReading } from '../gates/readings.ts';
import type { ObservationLine, RunCost } from '../journal/records.ts';
import type { NodeTally } from '../load/ledger.ts';

export interface ObserverOptions {
  write(line: ObservationLine): void;
  takeTally(node: string): NodeTally;
}

/** Keeps what was seen of all nodes throughout a run: what the report's time line and the cost of the run are made of. */
export interface Observer {
  see(reading: SlotReading): void;
  /** Whether a node answered its liveness probe when it was last looked at. */
  isServing(node: string): boolean;
  cost(): Pick<RunCost, 'missedRounds' | 'worstStallMs'>;
}

export function createObserver({ write, takeTally }: ObserverOptions): Observer {
  const serving = new Map<string, boolean>();
  const stall = new StallMeter();
  const rounds = new RoundMeter();
  return {
    see(reading) {
      for (const [node, { observation, liveness, status }] of Object.entries(reading.nodes)) {
        const identity = observation.ok ? observation.value.identity : undefined;
        const told = status.ok ? status.value : {};
        serving.set(node, liveness.ok);
        stall.see(told.height, reading.monoMs);
        if (identity) rounds.see(node, identity.instance, told.roundsMissed);
        write({
          atMs: reading.atMs,
          node,
          state: observation.ok ? observation.value.state : 'unknown',
          ...(told.version !== undefined && { version: told.version }),
          ...(identity && { digest: identity.digest }),
          ...(told.height !== undefined && { height: told.height }),
          ...(told.peers !== undefined && { peers: told.peers }),
          alive: liveness.ok,
          ...takeTally(node),
        });
      }
    },
    isServing: (node) => serving.get(node) ?? true,
    cost: () => ({ ...rounds.total(), ...stall.worst() }),
  };
}

/** The longest time in which the highest height of the network did not rise. */
class StallMeter {
  #highest = -1;
  #roseAtMs: number | undefined;
  #lastSeenMs = 0;
  #worstMs = 0;

  see(height: number | undefined, monoMs: number): void {
    this.#lastSeenMs = Math.max(this.#lastSeenMs, monoMs);
    if (height !== undefined && height > this.#highest) {
      if (this.#roseAtMs !== undefined) this.#worstMs = Math.max(this.#worstMs, monoMs - this.#roseAtMs);
      this.#highest = height;
      this.#roseAtMs = monoMs;
    }
  }

  worst(): { worstStallMs?: number } {
    if (this.#roseAtMs === undefined) return {};
    return { worstStallMs: Math.round(Math.max(this.#worstMs, this.#lastSeenMs - this.#roseAtMs)) };
  }
}

/**
 * Rounds that the chain missed, as the node that saw most of them counted. The counter starts anew with the node, so that
 * each start is counted from what it first told.
 */
class RoundMeter {
  readonly #nodes = new Map<string, { instance: string; first: number; last: number; before: number }>();

  see(node: string, instance: string, roundsMissed: number | undefined): void {
    if (roundsMissed === undefined) return;
    const known = this.#nodes.get(node);
    if (known?.instance === instance) {
      known.last = Math.max(known.last, roundsMissed);
      return;
    }
    const before = known ? known.before + known.last - known.first : 0;
    this.#nodes.set(node, { instance, first: roundsMissed, last: roundsMissed, before });
  }

  total(): { missedRounds?: number } {
    const counts = [...this.#nodes.values()].map(({ before, last, first }) => before + last - first);
    return counts.length > 0 ? { missedRounds: Math.max(...counts) } : {};
  }
}
