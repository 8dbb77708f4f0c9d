import type { RunRecord } from '../../journal/records.ts';
import { runEnding } from '../../journal/run-ending.ts';
import { describe } from '../progress.ts';

/** What there is to see of a run, as far as its journal goes. */
export interface RunView {
  runId: string;
  runbook: string;
  outcome: string;
  isPaused: boolean;
  startedAtMs: number;
  /** Wall time of its newest record. */
  lastAtMs: number;
  steps: { done: number; planned: number; open: string[] };
  gate?: GateView;
  /** The question that waits for an answer, and until when. */
  question?: { text: string; deadlineAtMs: number };
  /** Newest events, oldest first, one line each. */
  events: { seq: number; atMs: number; text: string }[];
}

interface GateView {
  gate: string;
  nodes: readonly string[];
  phase: string;
  startedAtMs: number;
  deadlineMs: number;
}

const maxEvents = 40;

/** Grows with each record, so that days of a run need not be read again for every frame. */
export class RunViewBuilder {
  /** Records that say how far the run came. */
  readonly #ending: RunRecord[] = [];
  readonly #planned = new Set<string>();
  /** Steps that go on beside the others. */
  readonly #throughout = new Set<string>();
  readonly #done = new Set<string>();
  readonly #open = new Set<string>();
  #view: Pick<RunView, 'runId' | 'runbook' | 'startedAtMs' | 'lastAtMs' | 'events'> | undefined;
  #gate: GateView | undefined;
  #question: RunView['question'];

  add(record: RunRecord): void {
    const atMs = Date.parse(record.at);
    if (record.type === 'run.started') {
      const { runId, runbook, plan } = record;
      for (const { id, kind } of plan.steps) {
        this.#planned.add(id);
        if (kind === 'load') this.#throughout.add(id);
      }
      this.#view = { runId, runbook, startedAtMs: atMs, lastAtMs: atMs, events: [] };
    }
    const view = this.#view;
    if (!view) return;
    view.lastAtMs = atMs;
    const text = describe(record);
    if (text !== undefined) view.events = [...view.events, { seq: record.seq, atMs, text }].slice(-maxEvents);
    this.#follow(record, atMs);
  }

  #follow(record: RunRecord, atMs: number): void {
    switch (record.type) {
      case 'step.started':
        this.#open.add(record.step);
        break;
      case 'step.done':
      case 'step.refused':
        this.#open.delete(record.step);
        this.#done.add(record.step);
        break;
      case 'rollback.started':
        // The step that failed is never written down as ended.
        for (const step of this.#open) if (!this.#throughout.has(step)) this.#open.delete(step);
        break;
      case 'gate.started': {
        const { gate, nodes, deadlineMs } = record;
        this.#gate = { gate, nodes, phase: 'begins', startedAtMs: atMs, deadlineMs };
        break;
      }
      case 'gate.phase':
        if (this.#gate?.gate === record.gate) this.#gate = { ...this.#gate, phase: record.phase };
        break;
      case 'gate.verdict':
        this.#gate = undefined;
        break;
      case 'approval.requested':
        this.#question = { text: record.question, deadlineAtMs: record.deadlineAtMs };
        break;
      case 'approval.decided':
        this.#question = undefined;
        break;
      case 'run.resumed':
      case 'run.finished':
        this.#gate = undefined;
        this.#open.clear();
        this.#ending.push(record);
        break;
      case 'paused':
      case 'continued':
        this.#ending.push(record);
        break;
      default:
    }
  }

  /** Undefined while the journal has no start. */
  get view(): RunView | undefined {
    if (!this.#view) return undefined;
    const { outcome, isPaused } = runEnding(this.#ending);
    return {
      ...this.#view,
      outcome,
      isPaused,
      steps: {
        done: [...this.#done].filter((step) => this.#planned.has(step)).length,
        planned: this.#planned.size,
        open: [...this.#open],
      },
      ...(this.#gate && { gate: this.#gate }),
      ...(this.#question && outcome === 'unfinished' && { question: this.#question }),
    };
  }
}
