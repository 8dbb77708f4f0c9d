import type {
  ChangeReport,
  EffectReport,
  FaultReport,
  GateReport,
  GuardFailure,
  Lane,
  ReleaseBand,
  Timeline,
} from './model.ts';
import type { RunRecord } from '../journal/records.ts';
import type { RunLog } from './run-log.ts';
import { effectText, eventText } from './event-text.ts';
import { sumSeries, type SeriesAccumulator } from './series.ts';

interface TimelineInput {
  log: RunLog;
  series: SeriesAccumulator;
  gates: readonly GateReport[];
  guards: readonly GuardFailure[];
  effects: readonly EffectReport[];
  faults: readonly FaultReport[];
  endMs: number;
}

export function buildTimeline(input: TimelineInput): Timeline {
  const { log, series, endMs } = input;
  const lanes = nodeNames(log).map((node) => buildLane(node, input));
  const versions = lanes.flatMap(({ releases }) => releases).sort((a, b) => a.fromMs - b.fromMs);
  return {
    endMs,
    bucketMs: series.bucketMs,
    versions: [...new Set(versions.flatMap(({ version }) => version ?? []))],
    lanes,
    total: {
      acknowledgedPerSecond: sumSeries(lanes.map((lane) => lane.acknowledgedPerSecond)),
      errors: sumSeries(lanes.map((lane) => lane.errors)),
    },
    rollbacks: log
      .ofType('rollback.started')
      .map(({ offsetMs, reason }) => ({ fromMs: offsetMs, toMs: endMs, reason })),
    marks: marksOf(log),
  };
}

const markLabels: Record<string, string> = {
  'run.resumed': 'resumed',
  paused: 'paused',
  continued: 'went on',
  'abort.requested': 'abort',
  finalised: 'finalised',
};

function marksOf(log: RunLog): Timeline['marks'] {
  return log.records.flatMap((record) => {
    const label = markLabels[record.type];
    return label === undefined ? [] : [{ atMs: record.offsetMs, label, text: eventText(record)?.text ?? label }];
  });
}

/** Every node that the run knew before, touched or left behind. */
export function nodeNames(log: RunLog): string[] {
  const names = new Set(log.started.before.map(({ node }) => node));
  for (const record of log.records) if (isOfNode(record)) names.add(record.node);
  for (const { node } of log.finished?.after ?? []) names.add(node);
  return [...names];
}

const nodeTypes = ['intent', 'done', 'effect.intent', 'effect.done'] as const;

function isOfNode(record: RunRecord): record is Extract<RunRecord, { type: (typeof nodeTypes)[number] }> {
  return (nodeTypes as readonly string[]).includes(record.type);
}

function buildLane(node: string, { log, series, gates, guards, effects, faults, endMs }: TimelineInput): Lane {
  const changes = changesOf(node, log, endMs);
  return {
    node,
    releases: releasesOf(node, log, changes, endMs),
    changes,
    gates: gates
      .filter((gate) => gate.nodes.includes(node))
      .map(({ gate, kind, phases, fromMs, toMs }) => ({ gate, kind, phases, fromMs, toMs })),
    guards: guards
      .filter((guard) => guard.node === node)
      .map(({ atMs, check, reason }) => ({ atMs, text: `${check}: ${reason}` })),
    effects: [
      ...effects
        .filter((each) => each.node === node)
        .map(({ effect, detail, isDone, fromMs, toMs }) => ({
          effect,
          text: `${effectText({ effect, detail })}${isDone ? '' : ', its end was not written down'}`,
          fromMs,
          toMs,
        })),
      ...faults
        .filter(({ nodes, impaired }) => nodes.includes(node) || impaired.includes(node))
        .map(({ fault, kind, fromMs, toMs }) => ({
          effect: 'fault' as const,
          text: `fault ${fault} (${kind})`,
          fromMs,
          toMs,
        })),
    ],
    ...series.seriesOf(node, endMs),
  };
}

function changesOf(node: string, log: RunLog, endMs: number): ChangeReport[] {
  const changes: ChangeReport[] = [];
  for (const record of log.records) {
    if ((record.type !== 'intent' && record.type !== 'done') || record.node !== node) continue;
    const { action, offsetMs } = record;
    const open = changes.at(-1);
    if (record.type === 'intent') {
      const from = record.fromVersion === undefined ? {} : { fromVersion: record.fromVersion };
      changes.push({ action, ...from, toVersion: record.toVersion, isDone: false, fromMs: offsetMs, toMs: endMs });
    } else if (open && !open.isDone) {
      Object.assign(open, { isDone: true, toMs: offsetMs });
    }
  }
  return changes;
}

function releasesOf(node: string, log: RunLog, changes: readonly ChangeReport[], endMs: number): ReleaseBand[] {
  const before = log.started.before.find((each) => each.node === node);
  const bands: ReleaseBand[] = [];
  let version = before && before.state !== 'absent' ? before.version : null;
  let fromMs = 0;
  let isChanging = false;
  const close = (toMs: number): void => {
    if (toMs > fromMs && (version !== null || isChanging)) bands.push({ version, fromMs, toMs });
    fromMs = toMs;
  };
  for (const change of changes) {
    close(change.fromMs);
    version = null;
    isChanging = true;
    close(change.toMs);
    isChanging = false;
    if (change.isDone) version = change.action === 'remove' ? null : change.toVersion;
  }
  close(endMs);
  return bands;
}
