import { formatCount, formatDuration } from './format.ts';
import type { DrillReport, ExerciseReport } from './drill-report.ts';

export const milestoneWords: Readonly<Record<string, string>> = {
  begun: 'measurement begun',
  backup: 'backup begun',
  injected: 'broken',
  verified: 'shown to be broken',
  detected: 'noticed',
  'alert-firing': 'alert fires',
  'alert-delivered': 'alert delivered',
  decided: 'recovery begun',
  'taken-over': 'taken over',
  restored: 'whole again',
  service: 'good service begins',
};

/** Objective, what was measured, and whether that is met; `undefined`: nothing was asked for, or nothing is known. */
export interface ObjectiveRow {
  what: string;
  wanted: string;
  measured: string;
  isMet: boolean | undefined;
}

export function objectiveRows({ objectives, recovery, takeoverMs, rpo, unchecked }: ExerciseReport): ObjectiveRow[] {
  const { rtoMs, rpoMs, rpoWrites, takeoverMs: takeover } = objectives;
  const row = (
    what: string,
    wanted: number | undefined,
    measured: number | undefined,
    words: (value: number) => string,
  ): ObjectiveRow => ({
    what,
    wanted: wanted === undefined ? 'not set' : `≤ ${words(wanted)}`,
    measured: measured === undefined ? 'not measured' : words(measured),
    isMet: wanted === undefined || measured === undefined ? undefined : measured <= wanted,
  });
  // What was not found missing may be missing all the same.
  const atLeast = (found: ObjectiveRow): ObjectiveRow =>
    unchecked === 0 || !rpo
      ? found
      : { ...found, measured: `≥ ${found.measured}`, isMet: found.isMet === false ? false : undefined };
  return [
    row('Recovery time (RTO)', rtoMs, recovery?.rtoMs, formatDuration),
    ...(takeover === undefined && takeoverMs === undefined
      ? []
      : [row('Take-over', takeover, takeoverMs, formatDuration)]),
    atLeast(row('Oldest lost write (RPO)', rpoMs, rpo?.oldestLostMs, formatDuration)),
    atLeast(row('Lost writes', rpoWrites ?? (rpoMs === undefined ? 0 : undefined), rpo?.lostWrites, formatCount)),
  ];
}

export const summaryHeads = ['Drill', 'Verdict', 'Recovery time', 'Lost writes', 'Alert fires', 'Alert delivered'];

/** One line for each drill of several: what a reader wants before the details of any. */
export function summaryRows({ exercises }: DrillReport): string[][] {
  const time = (ms: number | undefined): string => (ms === undefined ? '–' : formatDuration(ms));
  return exercises.map(({ id, verdict, recovery, rpo, unchecked, alert }) => [
    id,
    verdict,
    time(recovery?.rtoMs),
    rpo ? `${unchecked > 0 ? '≥ ' : ''}${formatCount(rpo.lostWrites)}` : '–',
    time(alert?.firingMs),
    time(alert?.deliveredMs),
  ]);
}

/** What the recovery time was spent on; empty where the service was never away. */
export function partsText({ recovery }: ExerciseReport): string {
  if (!recovery || recovery.rtoMs === 0) return '';
  const { detectMs, decideMs, restoreMs, serviceMs } = recovery.parts;
  return [
    ['detect', detectMs],
    ['decide', decideMs],
    ['restore', restoreMs],
    ['service', serviceMs],
  ]
    .flatMap(([part, ms]) => (typeof ms === 'number' ? [`${part} ${formatDuration(ms)}`] : []))
    .join(', ');
}

/** From broken over firing to delivered; empty where no alert was seen. */
export function alertText({ alert }: ExerciseReport): string {
  if (!alert) return '';
  const { firingMs, deliveredMs } = alert;
  const delivered =
    deliveredMs === undefined ? 'was not seen to be delivered' : `was delivered after ${formatDuration(deliveredMs)}`;
  return `An alert fired ${formatDuration(firingMs)} after the disaster, and ${delivered}.`;
}

export function integrityText({ integrity, rpo }: DrillReport): string {
  if (!integrity) return 'no ledger was checked';
  const { duplicated, resurrected, reordered, acceptedByMinority, misplaced, disagreements, unchecked } = integrity;
  return [
    `${formatCount(duplicated)} duplicated`,
    `${formatCount(resurrected)} resurrected`,
    `${formatCount(reordered)} out of order`,
    ...(misplaced === undefined ? [] : [`${formatCount(misplaced)} misplaced`]),
    ...(disagreements === undefined ? [] : [`${formatCount(disagreements)} heights on which nodes disagree`]),
    `${formatCount(acceptedByMinority)} acknowledged by a smaller side`,
    `${formatCount(rpo?.rolledBackWrites ?? 0)} rolled back as declared`,
    `${formatCount(unchecked)} not looked for`,
  ].join(', ');
}
