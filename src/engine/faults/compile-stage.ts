import { compileFault } from '../../faults/compile-fault.ts';
import type { CompiledFault } from '../../faults/compiled-fault.ts';
import type { FaultKind, FaultSpec } from '../../faults/fault-spec.ts';
import type { PlannedFault } from '../../journal/fault-records.ts';
import type { Topology } from '../../topology/topology.ts';
import { plannedFault } from './planned-fault.ts';

const longestId = 40;

/** Works out the fault of a stage. Pure: same stage, testnet and nodes that are out, same fault, same hash. */
export function compileStage(
  stage: string,
  spec: FaultSpec,
  topology: Topology,
  out: readonly string[],
): { fault: CompiledFault; planned: PlannedFault } {
  const fault = compileFault(spec, { topology, out }, faultId(stage));
  return {
    fault,
    planned: plannedFault(
      fault,
      topology.nodes.map(({ name }) => name),
      out,
    ),
  };
}

/** What was asked for, by the plan. */
export function specOf({ kind, targets, parameters, durationMs }: PlannedFault): FaultSpec {
  return { kind: kind as FaultKind, targets, parameters, durationMs };
}

/** Name of a stage's fault on the lab, where letters and their number are limited. */
export function faultId(stage: string): string {
  const id = stage
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, longestId);
  return id.replace(/-+$/, '') || 'fault';
}
