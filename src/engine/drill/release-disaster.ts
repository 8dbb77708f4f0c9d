import type { DrillMilestone } from '../../journal/drill-records.ts';
import type { PlanStep, RunRecord } from '../../journal/records.ts';

/** A milestone that a record stands for. */
export interface Reached {
  milestone: DrillMilestone;
  detail?: string;
}

/**
 * The disaster of a drill that wants a bad release taken back is that release. Faults beside it are only its circumstances: nothing of them
 * is a milestone.
 */
export class ReleaseDisaster {
  readonly #changes: ReadonlyMap<string, PlanStep>;
  readonly #passed = new Set<string>();
  #goingBack = new Set<string>();

  constructor(steps: readonly PlanStep[]) {
    this.#changes = new Map(steps.filter(({ kind }) => kind === 'replace').map((step) => [step.id, step]));
  }

  /** The gates let it pass everywhere: it was not found to be bad. */
  get wasAccepted(): boolean {
    return this.#changes.size > 0 && this.#passed.size === this.#changes.size;
  }

  reachedWith(record: RunRecord): Reached[] {
    switch (record.type) {
      case 'intent':
        if (!this.#changes.has(record.step)) return [];
        return [{ milestone: 'injected', detail: `${record.node} gets ${record.toVersion}` }];
      case 'step.done':
        if (this.#changes.has(record.step)) this.#passed.add(record.step);
        return this.#isBackWith(record.step) ? [{ milestone: 'restored' }] : [];
      case 'gate.verdict':
        if (!this.#changes.has(record.step) || record.verdict.kind !== 'FAIL') return [];
        return found(`the gate of ${record.nodes.join(', ')}: ${record.verdict.reason}`);
      case 'guard.failed':
        return found(`the guard of ${record.node}: ${record.check}`);
      case 'rollback.started':
        this.#goingBack = new Set(record.nodes.map((node) => `rollback/${node}`));
        return [{ milestone: 'decided', detail: `the run takes ${record.nodes.join(', ')} back` }];
      default:
        return [];
    }
  }

  #isBackWith(step: string): boolean {
    return this.#goingBack.delete(step) && this.#goingBack.size === 0;
  }
}

/** A gate both shows and notices that a release is bad. */
function found(detail: string): Reached[] {
  return [
    { milestone: 'verified', detail },
    { milestone: 'detected', detail },
  ];
}
