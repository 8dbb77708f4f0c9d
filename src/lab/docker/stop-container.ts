import { LabError } from '../../core/errors.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import type { CallOptions } from '../lab.ts';
import { engineCall, statusOf } from './engine-call.ts';
import { hasProcess, type ContainerFacts } from './owned-container.ts';
import type Docker from 'dockerode';

/** How long a process may take to be gone after SIGKILL, in ms. More means that the kernel or the engine is stuck. */
const KILL_TIMEOUT_MS = 15_000;

/**
 * Asks with the node's stop signal, insists with SIGKILL after its grace, and returns when the process is gone and will not be
 * restarted. The engine's own stop call is not used for the first two: before 23.0 it takes no signal and whole seconds only.
 */
export async function stopContainer(
  node: TopologyNode,
  { container, facts }: { container: Docker.Container; facts: ContainerFacts },
  options: CallOptions,
): Promise<void> {
  const { signal } = options;
  if (hasProcess(facts)) {
    // A paused process could not act on the signal.
    if (facts.State.Paused)
      await ignoring(304, () =>
        engineCall(`unpause ${node.name}`, { signal }, (abortSignal) => container.unpause({ abortSignal })),
      );
    await sendSignal(node.name, container, node.stop.signal, { signal });
    if (!(await isGoneWithin(node, container, node.stop.graceMs, signal))) {
      await sendSignal(node.name, container, 'SIGKILL', { signal });
      if (!(await isGoneWithin(node, container, KILL_TIMEOUT_MS, signal))) {
        throw new LabError(`${node.name} is still there ${KILL_TIMEOUT_MS} ms after SIGKILL`, {
          details: { node: node.name, graceMs: node.stop.graceMs },
        });
      }
    }
  }
  const after = await engineCall(`inspect ${node.name}`, { signal }, (abortSignal) =>
    container.inspect({ abortSignal }),
  );
  if (after.State.Running || after.State.Restarting) {
    // Its restart policy brought it back; only the engine's own stop call also ends that.
    await ignoring(304, () =>
      engineCall(`stop ${node.name}`, { signal }, (abortSignal) => container.stop({ t: 0, abortSignal })),
    );
  }
}

/** Sends a signal; resolves to false when there was no process to send it to. */
export async function sendSignal(
  node: string,
  container: Docker.Container,
  name: NodeJS.Signals,
  options: CallOptions,
): Promise<boolean> {
  return ignoring(409, () =>
    engineCall(`send ${name} to ${node}`, options, (abortSignal) => container.kill({ signal: name, abortSignal })),
  );
}

/** Resolves to false when the engine refused with this status, which the caller takes for "nothing to do". */
export async function ignoring(status: number, call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (statusOf(error) === status) return false;
    throw error;
  }
}

async function isGoneWithin(
  node: TopologyNode,
  container: Docker.Container,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const deadline = AbortSignal.timeout(Math.max(1, timeoutMs));
  const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
  try {
    await engineCall(`wait for ${node.name} to end`, { signal: either, timeoutMs: timeoutMs + 5_000 }, (abortSignal) =>
      container.wait({ condition: 'not-running', abortSignal }),
    );
    return true;
  } catch (error) {
    if (deadline.aborted && !signal?.aborted) return false;
    throw error;
  }
}
