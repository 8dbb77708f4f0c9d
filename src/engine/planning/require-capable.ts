import { RefusedError } from '../../core/errors.ts';
import type { Topology } from '../../topology/topology.ts';
import type { RunbookStage } from '../runbook.ts';

/** What a stage does to nodes, where it does anything: what the lab must be able to do. */
const deeds: Record<RunbookStage['kind'], string | undefined> = {
  change: 'replace nodes',
  soak: undefined,
  approval: undefined,
  'await-height': undefined,
  finalise: undefined,
  switch: 'run a command beside nodes',
  clear: 'run a command beside nodes',
  activation: undefined,
  switchback: 'run a command beside nodes',
  calibrate: undefined,
  compare: undefined,
  slo: undefined,
  telemetry: undefined,
  fault: 'break nodes or links',
  hold: undefined,
  heal: 'break nodes or links',
  'take-backup': 'stop and copy nodes',
  'restore-backup': 'stop and restore nodes',
  stop: 'stop nodes',
  start: 'start nodes',
  'start-together': 'start nodes',
  baseline: undefined,
  lose: 'stop and wipe nodes',
  recover: 'start nodes',
  takeover: undefined,
  service: undefined,
  'spoiled-backup': 'stop and copy nodes',
  'held-gate': undefined,
};

/** Throws RefusedError where a plan would touch nodes that others started: it is never begun and left half done. */
export function requireCapable({ lab, testnet }: Topology, stages: readonly RunbookStage[]): void {
  if (lab !== 'attached') return;
  for (const stage of stages) {
    const deed = stage.kind === 'change' && stage.changes.length === 0 ? undefined : deeds[stage.kind];
    if (deed === undefined) continue;
    throw new RefusedError(
      'unsupported',
      `the step ${stage.id} has to ${deed}, which the attached lab cannot: the nodes of ${testnet} are not ours`,
      { details: { stage: stage.id, kind: stage.kind, lab } },
    );
  }
}
