import type Docker from 'dockerode';
import type { Properties } from '../../plugin/properties.ts';
import { type EngineCall, engineMessage, isStatus, pollUntil, unlessStatus } from '../engine.ts';
import { RefusedByEngine } from '../resource-kind.ts';

const removalPollMs = 20;

/**
 * Stops a container with its own stop signal, then removes it. The grace is `destroyGraceSeconds`, else the container's own
 * stop timeout, else the engine's default of 10 s. When this resolves, the container's name, ports and addresses are free.
 */
export async function stopAndRemove(call: EngineCall, container: Docker.Container, state: Properties): Promise<void> {
  const graceSeconds = state['destroyGraceSeconds'];
  const stopOptions = typeof graceSeconds === 'number' ? { t: graceSeconds } : {};
  try {
    await unlessStatus(container.stop({ ...stopOptions, abortSignal: call.patience }), 304, 404);
    const hasVolumes = state['removeVolumes'] !== false;
    await unlessStatus(container.remove({ v: hasVolumes, force: true, abortSignal: call.deadline }), 404);
  } catch (error) {
    // A container made with `rm` removes itself once it has stopped, and may be about to.
    if (!isStatus(error, 409)) throw new RefusedByEngine(`Unable to remove container: ${engineMessage(error)}`, error);
    await pollUntil(async () => !(await exists(call, container)), removalPollMs, call.patience);
  }
}

async function exists(call: EngineCall, container: Docker.Container): Promise<boolean> {
  return (await unlessStatus(container.inspect({ abortSignal: call.deadline }), 404)) !== undefined;
}
