import type Docker from 'dockerode';
import { engineCall, isMissing } from '../engine-call.ts';
import type { CallOptions } from '../../call-options.ts';
import type { FaultState } from '../../faults.ts';
import { askAgent } from './agent-call.ts';
import type { LeaseReport } from './agent/task.ts';
import type { HeldFault } from './fault-facts.ts';
import { findTarget, instanceOf } from './fault-target.ts';

/** What a fault is like right now, as its agent and its target show it. Undefined when it is gone. */
export async function faultState(
  docker: Docker,
  testnet: string,
  held: HeldFault,
  options: CallOptions,
): Promise<FaultState | undefined> {
  const { facts, container, state } = held;
  const { id, node, kind } = facts;
  const base = { id, node, kind };
  if (state === 'created') {
    return { ...base, state: 'absent', effect: {}, detail: 'only its container is left, which never ran; heal it' };
  }
  if (state !== 'running') {
    const detail = `its agent is ${state}, so that nothing undoes it at its time; heal it`;
    return { ...base, state: 'lost', effect: {}, detail };
  }
  const target = findTarget(docker, testnet, { name: node, kind }, options);
  let report: LeaseReport;
  try {
    report = await askAgent<LeaseReport>(container, `look at fault ${id} on ${node}`, { op: 'state' }, options);
  } catch (error) {
    await target.catch(() => undefined);
    // It ended while it was asked.
    if (isMissing(error) || !(await isRunning(container, options))) return undefined;
    throw error;
  }
  const found = await target;
  const { phase, remainingMs, effect } = report;
  if (phase === 'healed') return undefined;
  const detail = lossOf(report, facts, found && instanceOf(found));
  if (detail !== undefined) return { ...base, state: 'lost', remainingMs, effect, detail };
  return {
    ...base,
    state: phase === 'injected' ? 'injected' : 'armed',
    remainingMs,
    effect,
    ...(report.detail !== undefined && { detail: report.detail }),
  };
}

function lossOf(report: LeaseReport, facts: HeldFault['facts'], instance: string | undefined): string | undefined {
  const { node, diesWithInstance } = facts;
  if (instance === undefined) return `${node} is gone: its container was removed`;
  const [container] = facts.instance.split(':');
  if (!instance.startsWith(`${container}:`)) return `${node} was replaced: its new container has no fault`;
  if (diesWithInstance && instance !== facts.instance) {
    return `${node} was restarted at ${instance.slice((container?.length ?? 0) + 1)}: what it has since then has no fault`;
  }
  return report.isThere ? undefined : (report.detail ?? 'what it did is not there any more');
}

async function isRunning(container: Docker.Container, options: CallOptions): Promise<boolean> {
  try {
    const { State } = await engineCall('inspect an agent', options, (abortSignal) =>
      container.inspect({ abortSignal }),
    );
    return State.Running;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
