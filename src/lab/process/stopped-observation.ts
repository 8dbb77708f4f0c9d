import type { NodeObservation } from '../lab.ts';
import { readStat } from './proc.ts';
import type { ProcessRecord } from './record.ts';

/** What is seen of a node that has no process. `exitCode`: where this very command learnt it. */
export function stoppedObservation(
  record: ProcessRecord,
  known: { exitCode: number | undefined; bootId: string },
): NodeObservation {
  const zombie = record.pid === null ? undefined : readStat(record.pid);
  const exitCode = known.exitCode ?? (zombie && zombie.startTicks === record.startTicks ? zombie.exitCode : undefined);
  const isAsked = record.stopRequestedAtMs !== null;
  return {
    node: record.definition.name,
    state: 'stopped',
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(isAsked ? {} : { detail: detailOfEnd(record, exitCode, known.bootId) }),
  };
}

function detailOfEnd(
  { bootId, definition: { name } }: ProcessRecord,
  exitCode: number | undefined,
  now: string,
): string {
  if (bootId !== now) return `${name} ended when the machine was restarted`;
  return `${name} ended by itself${exitCode === undefined ? '' : ` with exit code ${exitCode}`}`;
}
