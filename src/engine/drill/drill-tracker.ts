import type { DrillMilestone, PlannedDrill } from '../../journal/drill-records.ts';
import type { Plan, RunEvent, RunRecord } from '../../journal/records.ts';
import type { SlotReading } from '../../gates/readings.ts';
import type { Ledger } from '../../load/ledger.ts';
import { DrillState } from './drill-state.ts';
import { symptomOf } from './symptom.ts';

interface TrackerOptions {
  plan: Plan;
  drill: PlannedDrill;
  ledger: Ledger;
  /** Of earlier processes of the run. */
  records: readonly RunRecord[];
  record(event: RunEvent): Promise<void>;
}

/** Notes down when a drill reaches its milestones, each once an exercise. */
export class DrillTracker {
  readonly drill: PlannedDrill;
  readonly state: DrillState;
  readonly #options: TrackerOptions;
  /** On their way to the journal. */
  readonly #reaching = new Set<string>();
  #healthy: SlotReading | undefined;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.drill = options.drill;
    this.state = new DrillState(options.plan, options.drill);
    for (const record of options.records) this.state.add(record, Date.parse(record.at));
  }

  /** Follows what was just written down. */
  async see(record: RunRecord): Promise<void> {
    const atMs = this.#options.ledger.nowMs();
    for (const { milestone, detail } of this.state.add(record, atMs)) await this.reach(milestone, detail, atMs);
  }

  /** Looks whether the probes notice the disaster. A node that is away for its change is none: of a bad release the gates have to say so. */
  async look(reading: SlotReading): Promise<void> {
    if (this.drill.expects === 'rolled-back') return;
    if (!this.state.has('injected')) {
      this.#healthy = reading;
      return;
    }
    if (this.state.has('detected') || !this.#healthy) return;
    const symptom = symptomOf(reading, this.#healthy);
    if (symptom !== undefined) await this.reach('detected', symptom);
  }

  /**
   * The disaster is about to be taken again, for it was over while nobody looked: what the exercise reached after the first time counts no more, and
   * is to be reached anew. Once for all that it is made of.
   */
  async takeAgain(): Promise<void> {
    const { current: drill } = this.state;
    if (drill === undefined || !this.state.has('injected')) return;
    const atMs = this.#options.ledger.nowMs();
    await this.#options.record({ type: 'drill.milestone', drill, milestone: 'injected', atMs, detail: 'taken again' });
  }

  /** Does nothing where the exercise has reached it already. `atMs`: default now. */
  async reach(milestone: DrillMilestone, detail?: string, atMs = this.#options.ledger.nowMs()): Promise<void> {
    const { current: drill } = this.state;
    const key = `${drill}/${milestone}`;
    if (drill === undefined || this.state.has(milestone) || this.#reaching.has(key)) return;
    this.#reaching.add(key);
    try {
      await this.#options.record({
        type: 'drill.milestone',
        drill,
        milestone,
        atMs,
        ...(detail !== undefined && { detail }),
      });
    } finally {
      // From here on the state knows of it, until the disaster is taken again.
      this.#reaching.delete(key);
    }
  }
}
