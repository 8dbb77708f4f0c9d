import { Counter, Gauge, Registry } from 'prom-client';
import type { BreakerSnapshot } from '../core/breaker.ts';
import type { RunRecord } from '../journal/records.ts';

/** What is told of a circuit breaker. */
export type BreakerFigures = Pick<
  BreakerSnapshot,
  'host' | 'callClass' | 'state' | 'failures' | 'successes' | 'opened' | 'rejected'
>;

export interface RunMetricsOptions {
  testnet: string;
  runbook: string;
  runId: string;
  /** Asked whenever the metrics are read. Default: there are no breakers. */
  breakers?: (() => readonly BreakerFigures[]) | undefined;
}

/** A run's own metrics, fed with its records. */
export interface RunMetrics {
  onRecord(record: RunRecord): void;
  /** Prometheus' text format, which node_exporter's textfile collector takes as well. */
  text(): Promise<string>;
  /** The same in OpenMetrics' format. */
  openMetricsText(): Promise<string>;
}

export const openMetricsContentType = Registry.OPENMETRICS_CONTENT_TYPE;
export const textContentType = Registry.PROMETHEUS_CONTENT_TYPE;

const outcomes = [
  'passed',
  'failed',
  'rolled-back',
  'rollback-failed',
  'held',
  'inconclusive',
  'void',
  'refused',
  'interrupted',
  'aborted',
  'error',
] as const;
const breakerStates = { closed: 0, open: 1, 'half-open': 2 } as const;
const slotStates = ['ok', 'bad', 'unknown'] as const;

/**
 * Metrics of one run: steps, gates and their slots, verdicts, effects, breakers, records and outcome. Times are given as points in time, not
 * as durations that grow, so that they change only when something happened.
 */
export function createRunMetrics({ testnet, runbook, runId, breakers }: RunMetricsOptions): RunMetrics {
  // Each format needs a registry of its own: in OpenMetrics a counter's family goes without `_total`.
  const plain = new Registry();
  const open = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  // prom-client types a metric's registries by their content type, and reads them alike.
  const sets = [createSet(plain, breakers), createSet(open as unknown as Registry, breakers)];
  for (const registry of [plain, open]) registry.setDefaultLabels({ testnet, runbook, run: runId });
  return {
    onRecord: (record) => sets.forEach((set) => set.onRecord(record)),
    text: () => plain.metrics(),
    openMetricsText: () => open.metrics(),
  };
}

function createSet(
  registry: Registry,
  breakers: (() => readonly BreakerFigures[]) | undefined,
): Pick<RunMetrics, 'onRecord'> {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []): Counter<Label> =>
    new Counter({ name: `seatrial_${name}`, help, labelNames, registers });
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> =>
    new Gauge({ name: `seatrial_${name}`, help, labelNames, registers });

  const records = counter('journal_records_total', 'Records in the journal of the run.');
  const lastRecord = gauge('journal_last_record_timestamp_seconds', 'When the newest record was written.');
  const planned = gauge('steps_planned', 'Steps of the plan.');
  const steps = counter('steps_total', 'Steps that came to an end.', ['result']);
  const stepSeconds = gauge('step_duration_seconds', 'How long a step took that is done.', ['step']);
  const openStep = gauge('step_open', '1 while the step is under way.', ['step']);
  const verdicts = counter('gate_verdicts_total', 'Verdicts of gates.', ['verdict']);
  const slots = counter('gate_slots_total', 'Slots of checks that were judged, by what they were judged to be.', [
    'state',
  ]);
  const gateSeconds = gauge('gate_duration_seconds', 'How long the newest gate of a step took.', ['step']);
  const guards = counter('guard_failures_total', 'Guards that failed after their gate had passed.');
  const effects = counter('effects_total', 'What was done to nodes beside changing their release.', ['effect']);
  const changes = counter('node_changes_total', 'Nodes created, replaced or removed.', ['action']);
  const findings = counter('findings_total', 'Findings of canary steps.', ['verdict']);
  const rollbacks = counter('rollbacks_total', 'Rollbacks that were begun.');
  const resumptions = counter('resumptions_total', 'Times that the run went on in another process.');
  const paused = gauge('run_paused', '1 while the run is paused.');
  const waiting = gauge('run_waiting_for_approval', '1 while the run waits for an answer.');
  const startedAt = gauge('run_start_timestamp_seconds', 'When the run started.');
  const finishedAt = gauge('run_end_timestamp_seconds', 'When the run ended; 0 while it is under way.');
  const outcome = gauge('run_outcome', '1 for what became of the run; all 0 while it is under way.', ['outcome']);
  const exitCode = gauge('run_exit_code', 'Exit code of the run; -1 while it is under way.');
  createBreakerSet(gauge, counter, breakers);

  for (const result of ['done', 'refused']) steps.inc({ result }, 0);
  for (const verdict of ['PASS', 'FAIL', 'HOLD', 'INCONCLUSIVE']) verdicts.inc({ verdict }, 0);
  for (const state of slotStates) slots.inc({ state }, 0);
  const startedMs = new Map<string, number>();
  /** Steps that go on beside the others. */
  const throughout = new Set<string>();
  const end = (ending: { outcome: string; exitCode: number; atMs: number } | undefined): void => {
    for (const each of outcomes) outcome.set({ outcome: each }, each === ending?.outcome ? 1 : 0);
    exitCode.set(ending?.exitCode ?? -1);
    finishedAt.set(ending === undefined ? 0 : ending.atMs / 1000);
  };
  end(undefined);

  const onRecord = (record: RunRecord): void => {
    const atMs = Date.parse(record.at);
    records.inc();
    lastRecord.set(atMs / 1000);
    switch (record.type) {
      case 'run.started':
        startedAt.set(atMs / 1000);
        planned.set(record.plan.steps.length);
        for (const { id, kind } of record.plan.steps) if (kind === 'load') throughout.add(id);
        break;
      case 'run.resumed':
        resumptions.inc();
        paused.set(0);
        openStep.reset();
        end(undefined);
        break;
      case 'step.started':
        startedMs.set(record.step, startedMs.get(record.step) ?? atMs);
        openStep.set({ step: record.step }, 1);
        break;
      case 'step.done':
        steps.inc({ result: 'done' });
        openStep.remove({ step: record.step });
        stepSeconds.set({ step: record.step }, Math.max(0, atMs - (startedMs.get(record.step) ?? atMs)) / 1000);
        break;
      case 'step.refused':
        steps.inc({ result: 'refused' });
        openStep.remove({ step: record.step });
        break;
      case 'done':
        changes.inc({ action: record.action });
        break;
      case 'gate.verdict':
        verdicts.inc({ verdict: record.verdict.kind });
        gateSeconds.set({ step: record.step }, record.verdict.elapsedMs / 1000);
        for (const check of record.verdict.checks) for (const state of slotStates) slots.inc({ state }, check[state]);
        break;
      case 'guard.failed':
        guards.inc();
        break;
      case 'effect.done':
        effects.inc({ effect: record.effect });
        break;
      case 'finding':
        findings.inc({ verdict: record.verdict });
        break;
      case 'rollback.started':
        rollbacks.inc();
        // The step that failed is never written down as ended.
        for (const step of startedMs.keys()) if (!throughout.has(step)) openStep.remove({ step });
        break;
      case 'paused':
        paused.set(1);
        break;
      case 'continued':
        paused.set(0);
        break;
      case 'approval.requested':
        waiting.set(1);
        break;
      case 'approval.decided':
        waiting.set(0);
        break;
      case 'run.finished':
        openStep.reset();
        waiting.set(0);
        end({ outcome: record.outcome, exitCode: record.exitCode, atMs });
        break;
      default:
    }
  };
  return { onRecord };
}

type MakeGauge = <Label extends string>(name: string, help: string, labelNames?: Label[]) => Gauge<Label>;
type MakeCounter = <Label extends string>(name: string, help: string, labelNames?: Label[]) => Counter<Label>;

/** The breakers keep their own totals; they are taken over each time the metrics are read. */
function createBreakerSet(
  gauge: MakeGauge,
  counter: MakeCounter,
  breakers: (() => readonly BreakerFigures[]) | undefined,
): void {
  if (!breakers) return;
  const labelNames: ('host' | 'class')[] = ['host', 'class'];
  const state = gauge('breaker_state', 'State of a breaker: 0 closed, 1 open, 2 half-open.', labelNames);
  const totals = {
    failures: counter('breaker_failures_total', 'Calls that failed and count for the breaker.', labelNames),
    successes: counter('breaker_successes_total', 'Calls that succeeded.', labelNames),
    opened: counter('breaker_opened_total', 'Times that the breaker opened.', labelNames),
    rejected: counter('breaker_rejected_total', 'Calls that an open breaker turned away.', labelNames),
  };
  Object.assign(state, {
    collect: () => {
      state.reset();
      for (const total of Object.values(totals)) total.reset();
      for (const each of breakers()) {
        const labels = { host: each.host, class: each.callClass };
        state.set(labels, breakerStates[each.state]);
        totals.failures.inc(labels, each.failures);
        totals.successes.inc(labels, each.successes);
        totals.opened.inc(labels, each.opened);
        totals.rejected.inc(labels, each.rejected);
      }
    },
  });
}
