import { requireGoing } from '../../../core/clock.ts';
import { LabError, messageOf } from '../../../core/errors.ts';
import type { CallOptions } from '../../call-options.ts';
import { engineCall, isMissing } from '../engine-call.ts';
import { untilGone } from '../until-gone.ts';
import { askAgent } from './agent-call.ts';
import { removeContainer, startAgent } from './agent-container.ts';
import type { HeldFault } from './fault-facts.ts';

/** Has the agent undo its fault, and waits until it is gone. One that ended is started again for that: it knows what it did. */
export async function healFault({ facts, container, state }: HeldFault, options: CallOptions): Promise<void> {
  const { id, node, diesWithInstance } = facts;
  const what = `heal fault ${id} on ${node}`;
  if (state === 'created') {
    await removeContainer(container);
    return;
  }
  if (state !== 'running') {
    try {
      await startAgent(what, container, options);
    } catch (error) {
      if (isMissing(error)) return;
      // It cannot join what its fault was in: that is gone, and the fault with it.
      if (!diesWithInstance) throw error;
      await removeContainer(container);
      return;
    }
  }
  try {
    await askAgent(container, what, { op: 'heal' }, options);
  } catch (error) {
    requireGoing(options.signal);
    // At its time it heals itself; then there is nobody to ask any more.
    if (!(await isEnding(container))) {
      throw new LabError(`could not ${what}: ${messageOf(error)}; its agent goes on trying from its time on`, {
        cause: error,
        details: { node, fault: id },
      });
    }
  }
  await untilGone(container, container.id, options);
}

async function isEnding(container: HeldFault['container']): Promise<boolean> {
  try {
    const { State } = await engineCall('inspect an agent', {}, (abortSignal) => container.inspect({ abortSignal }));
    return !State.Running;
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
}
