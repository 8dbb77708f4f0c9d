import { standingMilestones, type DrillMilestone, type PlannedDrill } from '../../journal/drill-records.ts';
import type { Plan, PlanStep, RunRecord } from '../../journal/records.ts';
import type { LedgerEntry } from '../../load/ledger.ts';
import type { ServiceBaseline } from '../../load/service-meter.ts';
import { ReleaseDisaster, type Reached } from './release-disaster.ts';

/** When part of the network was cut off from the quorum; without an end it still is. */
interface MinorityTime {
  fault: string;
  nodes: readonly string[];
  fromMs: number;
  untilMs?: number;
}

const networkFaults = ['partition', 'drop', 'reject'];

/** How far a drill has come: what the journal of its run adds up to, for the process that wrote it and for one that goes on. */
export class DrillState {
  readonly #steps: ReadonlyMap<string, PlanStep>;
  readonly #reached = new Map<string, { milestone: DrillMilestone; atMs: number }[]>();
  readonly #baselines = new Map<string, ServiceBaseline>();
  readonly #minorities: MinorityTime[] = [];
  readonly #release: ReleaseDisaster | undefined;
  /** The exercise that is under way. */
  current: string | undefined;

  constructor({ steps }: Pick<Plan, 'steps'>, drill: PlannedDrill) {
    this.#steps = new Map(steps.map((step) => [step.id, step]));
    for (const { id } of drill.exercises) this.#reached.set(id, []);
    if (drill.expects === 'rolled-back') this.#release = new ReleaseDisaster(steps);
  }

  /** Of a drill of a bad release: every gate of it passed. */
  get releaseWasAccepted(): boolean {
    return this.#release?.wasAccepted ?? false;
  }

  milestones(drill: string): ReadonlyMap<DrillMilestone, number> {
    return new Map(standingMilestones(this.#reached.get(drill) ?? []).map(({ milestone, atMs }) => [milestone, atMs]));
  }

  baseline(drill: string): ServiceBaseline | undefined {
    return this.#baselines.get(drill);
  }

  has(milestone: DrillMilestone): boolean {
    return this.current !== undefined && this.milestones(this.current).has(milestone);
  }

  /**
   * Whether the smaller side of a partition answered a write: it was sent there after that was shown, and answered before its heal began. What is
   * answered later may have been agreed on by all.
   */
  readonly isMinority = ({ node, sentAtMs, answeredAtMs = Infinity }: LedgerEntry): boolean =>
    this.#minorities.some(
      ({ nodes, fromMs, untilMs = Infinity }) => nodes.includes(node) && sentAtMs > fromMs && answeredAtMs < untilMs,
    );

  /** Follows a record; returns the milestones of the present exercise that it stands for, as far as they are new. `nowMs`: the ledger's time. */
  add(record: RunRecord, nowMs: number): Reached[] {
    switch (record.type) {
      case 'drill.milestone':
        this.#reached.get(record.drill)?.push({ milestone: record.milestone, atMs: record.atMs });
        return [];
      case 'drill.baseline': {
        const { fromMs, toMs, offered, acknowledged, perSecond } = record;
        this.#baselines.set(record.drill, { fromMs, toMs, offered, acknowledged, perSecond });
        return [];
      }
      case 'fault.verified':
        this.#cutOff(record.step, record.fault, nowMs);
        break;
      case 'fault.healing':
      case 'fault.void':
        for (const each of this.#minorities) if (each.fault === record.fault) each.untilMs ??= nowMs;
        break;
      default:
    }
    const begun = record.type === 'step.started' ? this.#begunStep(this.#steps.get(record.step)) : undefined;
    const reached = begun ? [begun] : (this.#release?.reachedWith(record) ?? [this.#reachedWith(record) ?? []].flat());
    return this.current === undefined ? [] : reached.filter(({ milestone }) => !this.has(milestone));
  }

  #cutOff(step: string, fault: string, fromMs: number): void {
    const planned = this.#steps.get(step)?.fault;
    if (!planned || !networkFaults.includes(planned.kind) || planned.impaired.length === 0) return;
    this.#minorities.push({ fault, nodes: planned.impaired, fromMs });
  }

  #reachedWith(record: RunRecord): Reached | undefined {
    switch (record.type) {
      case 'step.done':
        return this.#steps.get(record.step)?.kind === 'recover' ? { milestone: 'restored' } : undefined;
      case 'effect.intent':
        return record.effect === 'kill' ? { milestone: 'injected', detail: `${record.node} is killed` } : undefined;
      case 'fault.injected':
        return { milestone: 'injected', detail: record.step };
      case 'fault.verified':
        return { milestone: 'verified', detail: `${record.step} was shown to act` };
      case 'fault.heal-verified':
        return this.has('verified')
          ? { milestone: 'restored', detail: `${record.step} was shown to be over` }
          : undefined;
      case 'approval.decided':
        if (record.decision !== 'approved' || !this.has('verified')) return undefined;
        return { milestone: 'decided', detail: `${record.by} agreed` };
      case 'guard.failed':
        return this.#noticed(`the guard of ${record.node}: ${record.check}`);
      case 'gate.verdict':
        return record.verdict.kind === 'PASS'
          ? undefined
          : this.#noticed(`the gate ${record.gate} says ${record.verdict.kind}`);
      default:
        return undefined;
    }
  }

  #begunStep(step: PlanStep | undefined): Reached | undefined {
    if (step?.kind === 'baseline') {
      this.current = step.drill;
      return { milestone: 'begun' };
    }
    if (step?.kind === 'take-backup') return { milestone: 'backup' };
    const isRecovery = step?.kind === 'recover' || step?.kind === 'restore-backup' || step?.kind === 'heal';
    return isRecovery && this.has('verified') ? { milestone: 'decided', detail: step.id } : undefined;
  }

  #noticed(detail: string): Reached | undefined {
    return this.has('injected') ? { milestone: 'detected', detail } : undefined;
  }
}
