import type { RunRecord } from '../journal/records.ts';
import { eventText } from './event-text.ts';
import { formatDuration } from './format.ts';
import { xmlText as clean } from './xml-text.ts';

/** Body of Grafana's POST /api/annotations. Times in ms since the epoch; with `timeEnd` it is a region. */
export interface Annotation {
  time: number;
  timeEnd?: number;
  tags: string[];
  text: string;
}

interface Open {
  startMs: number;
  text: string;
  tags: string[];
}

/** What is told as a moment. The text is that of the report. */
const moments: readonly string[] = [
  'approval.requested',
  'approval.decided',
  'paused',
  'continued',
  'abort.requested',
  'finding',
  'fault.void',
  'finalised',
];

/**
 * Makes annotations of a run's records: a region for the run and for each step, gate and effect (a stop, a switch, a fault) once it has ended,
 * and a point for each moment. All carry the tags `seatrial`, `testnet:<name>` and `runbook:<name>`, and `node:<name>` for each node.
 */
export class AnnotationBuilder {
  readonly #tags: string[];
  readonly #runbook: string;
  readonly #open = new Map<string, Open>();

  constructor(testnet: string, runbook: string) {
    this.#runbook = runbook;
    this.#tags = ['seatrial', `testnet:${testnet}`, `runbook:${runbook}`];
  }

  /** The annotations that are complete with this record. */
  add(record: RunRecord): Annotation[] {
    const atMs = Date.parse(record.at);
    switch (record.type) {
      case 'run.started':
        this.#begin('run', atMs, `${record.runbook} (run ${record.runId})`, ['run']);
        return [];
      case 'run.resumed':
        this.#begin('run', atMs, `${this.#runbook} (resumed)`, ['run']);
        return [this.#point(atMs, eventText(record)?.text ?? 'resumed', ['run.resumed'])];
      case 'step.started':
        this.#begin(`step ${record.step}`, atMs, `step ${record.step}`, ['step']);
        return [];
      case 'step.done':
        return this.#end(`step ${record.step}`, atMs, 'done');
      case 'step.refused':
        return this.#end(`step ${record.step}`, atMs, `refused: ${record.reason}`);
      case 'gate.started':
        this.#begin(`gate ${record.gate}`, atMs, `gate ${record.gate}`, ['gate', ...nodeTags(record.nodes)]);
        return [];
      case 'gate.verdict': {
        const { kind, reason } = record.verdict;
        return this.#end(`gate ${record.gate}`, atMs, `${kind}: ${reason}`, [`verdict:${kind}`]);
      }
      case 'effect.intent':
        this.#begin(effectKey(record), atMs, `${record.effect} of ${record.node}`, [
          'effect',
          ...nodeTags([record.node]),
        ]);
        return [];
      case 'effect.done':
        return this.#end(effectKey(record), atMs, `done in ${formatDuration(record.tookMs)}`);
      case 'intent':
        this.#begin(`change ${record.node}`, atMs, `${record.action} of ${record.node}: ${record.toVersion}`, [
          'change',
          ...nodeTags([record.node]),
        ]);
        return [];
      case 'done':
        return this.#end(`change ${record.node}`, atMs, `done in ${formatDuration(record.tookMs)}`);
      case 'fault.intent': {
        const nodes = [...new Set([...record.leases.map(({ node }) => node), ...record.impaired])];
        this.#begin(faultKey(record), atMs, `fault ${record.fault}`, ['fault', ...nodeTags(nodes)]);
        return [];
      }
      case 'fault.injected':
        // What is shown is the time in which it acts.
        this.#begun(faultKey(record), atMs);
        return [];
      case 'fault.healed':
        return this.#end(faultKey(record), atMs, `healed in ${formatDuration(record.healMs)}`);
      case 'guard.failed': {
        const text = `guard of ${record.node} failed: ${record.check}: ${record.reason}`;
        return [this.#point(atMs, text, ['guard', ...nodeTags([record.node])])];
      }
      case 'rollback.started':
        return [this.#point(atMs, `rollback: ${record.reason}`, ['rollback', ...nodeTags(record.nodes)])];
      case 'run.finished':
        return [...this.rest(atMs, ['run']), ...this.#end('run', atMs, record.outcome, [`outcome:${record.outcome}`])];
      default: {
        const said = moments.includes(record.type) ? eventText(record) : undefined;
        const nodes = record.type === 'finding' ? record.nodes : [];
        return said ? [this.#point(atMs, said.text, [record.type, ...nodeTags(nodes)])] : [];
      }
    }
  }

  /** What has begun and not ended, as far as `atMs`; but for `except`. */
  rest(atMs: number, except: readonly string[] = []): Annotation[] {
    return [...this.#open.keys()]
      .filter((key) => !except.includes(key))
      .flatMap((key) => this.#end(key, atMs, 'not ended'));
  }

  #begin(key: string, startMs: number, text: string, tags: string[]): void {
    this.#open.set(key, { startMs, text, tags });
  }

  #begun(key: string, startMs: number): void {
    const open = this.#open.get(key);
    if (open) open.startMs = startMs;
  }

  #end(key: string, endMs: number, result: string, tags: readonly string[] = []): Annotation[] {
    const open = this.#open.get(key);
    if (!open) return [];
    this.#open.delete(key);
    const annotation = this.#point(open.startMs, `${open.text}: ${result}`, [...open.tags, ...tags]);
    // The wall clock may have been set back meanwhile; Grafana refuses a region that ends before it begins.
    return [{ ...annotation, timeEnd: Math.max(open.startMs, endMs) }];
  }

  #point(time: number, text: string, tags: readonly string[]): Annotation {
    // Grafana shows the text as HTML.
    const safe = clean(text).replace(/[&<>]/g, (character) => entities[character] ?? '');
    return { time, tags: [...this.#tags, ...tags], text: safe };
  }
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function nodeTags(nodes: readonly string[]): string[] {
  return nodes.map((node) => `node:${node}`);
}

function faultKey({ fault }: { fault: string }): string {
  return `fault ${fault}`;
}

function effectKey({ effect, node }: { effect: string; node: string }): string {
  return `effect ${effect} ${node}`;
}
