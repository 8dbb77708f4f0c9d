import type { Clock } from '../core/clock.ts';
import { CleanupError, LabError, messageOf } from '../core/errors.ts';
import { mapConcurrent } from '../core/wait.ts';
import type { FaultLease, FaultPort, FaultState } from '../lab/faults.ts';

const AT_ONCE = 8;
/** All that a heal may take; a lab that is busy is asked again. */
const HEAL_BUDGET_MS = 60_000;
const HEAL_RETRY_MS = 500;

/** The leases of one fault on the lab. Whatever was begun here is undone by `heal`, also what failed half-way. */
export class LeaseSet {
  readonly #faults: FaultPort;
  readonly #leases: readonly FaultLease[];
  readonly #clock: Clock;
  /** Leases that may be on the lab. */
  readonly #begun = new Set<FaultLease>();

  constructor(faults: FaultPort, leases: readonly FaultLease[], clock: Clock) {
    this.#faults = faults;
    this.#leases = leases;
    this.#clock = clock;
  }

  /** Returns when every dead-man was seen to count. */
  async arm(signal: AbortSignal | undefined): Promise<void> {
    await mapConcurrent(this.#leases, AT_ONCE, async (lease) => {
      // Before the deed: an answer that is lost says nothing of what was done.
      this.#begun.add(lease);
      await this.#faults.arm(lease, { signal });
    });
    const listed = await this.#faults.list({ signal });
    for (const { id, node, action } of this.#leases) {
      const found = listed.find((state) => state.id === id && state.node === node.name);
      if (found?.state === 'armed' && (found.remainingMs ?? 0) > 0) continue;
      const seen = found ? `it is ${found.state} with ${found.remainingMs ?? 'no'} ms left` : 'nothing of it is there';
      throw new LabError(`${action.kind} was armed on ${node.name}, but no dead-man of ${id} counts: ${seen}`, {
        details: { fault: id, node: node.name },
      });
    }
  }

  async inject(signal: AbortSignal | undefined): Promise<void> {
    await mapConcurrent(this.#leases, AT_ONCE, ({ node, id }) => this.#faults.inject(node, id, { signal }));
  }

  async extend(signal: AbortSignal | undefined): Promise<void> {
    await mapConcurrent(this.#leases, AT_ONCE, ({ node, id, ttlMs }) =>
      this.#faults.extend(node, id, ttlMs, { signal }),
    );
  }

  inspect(signal: AbortSignal | undefined): Promise<FaultState[]> {
    return mapConcurrent(this.#leases, AT_ONCE, async ({ node, id, action }) => {
      const state = await this.#faults.inspect(node, id, { signal });
      // A lab does not know of what kind something is that is gone.
      return { ...state, kind: action.kind };
    });
  }

  /** What of it is on the lab, in any state. */
  async left(): Promise<FaultState[]> {
    const listed = await this.#faults.list();
    return listed.filter((state) => this.#leases.some(({ id, node }) => id === state.id && node.name === state.node));
  }

  /** Undoes all that was begun, and asks again for a minute where that fails. Throws CleanupError naming what is left. */
  async heal(): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + HEAL_BUDGET_MS;
    for (;;) {
      const failures: string[] = [];
      await mapConcurrent([...this.#begun], AT_ONCE, async (lease) => {
        try {
          await this.#faults.heal(lease.node, lease.id);
          this.#begun.delete(lease);
        } catch (error) {
          failures.push(`${lease.id} on ${lease.node.name}: ${messageOf(error)}`);
        }
      });
      if (failures.length === 0) return;
      if (this.#clock.monotonicMs() >= untilMs) {
        throw new CleanupError(
          `after ${HEAL_BUDGET_MS / 1000} s faults are not healed: ${failures.join('; ')}. ` +
            `Each ends by itself at most ${Math.max(...this.#leases.map(({ ttlMs }) => ttlMs)) / 1000} s after it was last extended`,
          { details: { failures } },
        );
      }
      await this.#clock.sleep(HEAL_RETRY_MS);
    }
  }
}
