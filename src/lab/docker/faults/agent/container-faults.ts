import { systemClock } from '../../../../core/clock.ts';
import { askEngine, inspectContainer, isUp, mustInspect, startContainer } from './engine-client.ts';
import type { FaultDriver } from './fault-driver.ts';
import type { FaultTask } from './task.ts';

const KILL_TIMEOUT_MS = 15_000;
const MONITORING_GRACE_MS = 10_000;
const POLL_MS = 50;

type Running = 'running' | 'stopped' | 'gone';

/** All processes of a container stand still. */
export function paused({ container }: Extract<FaultTask, { kind: 'pause' }>): FaultDriver<null> {
  return {
    before: async () => {
      const { State } = await mustInspect(container);
      if (!State.Running) throw new Error('it does not run, so it cannot be paused');
      if (State.Paused) throw new Error('it is paused already, and not by this fault');
      return null;
    },
    inject: async () => {
      // 409: paused already, by the try before.
      await askEngine('POST', `/containers/${container}/pause`, { accepted: [409] });
    },
    look: async () => {
      const found = await inspectContainer(container);
      if (found?.State.Paused) return { isThere: true, effect: { state: 'paused' } };
      return { isThere: false, effect: { state: stateOf(found) }, detail: 'it is not paused any more' };
    },
    undo: async () => {
      const found = await inspectContainer(container);
      if (found?.State.Paused) await askEngine('POST', `/containers/${container}/unpause`, { accepted: [404] });
    },
  };
}

/** A container is ended and kept down. */
export function down(
  task: Extract<FaultTask, { kind: 'down' | 'monitoring-gone' }>,
): FaultDriver<{ wasRunning: boolean }> {
  const { container } = task;
  return {
    before: async () => {
      const found = await mustInspect(container);
      if (!isUp(found)) throw new Error('it is down already');
      return { wasRunning: true };
    },
    inject: async () => {
      if (task.kind === 'monitoring-gone') await end(container, undefined, MONITORING_GRACE_MS);
      else if (task.signal === 'SIGKILL') await end(container, 'SIGKILL', 0);
      else await end(container, task.signal, task.graceMs);
    },
    look: async () => {
      const found = await inspectContainer(container);
      const effect = { state: stateOf(found), ...(found && !isUp(found) && { exitCode: found.State.ExitCode }) };
      if (!found) return { isThere: false, effect, detail: 'its container was removed or replaced' };
      return isUp(found) ? { isThere: false, effect, detail: 'it was started again' } : { isThere: true, effect };
    },
    undo: async ({ wasRunning }) => {
      if (wasRunning) await startContainer(container);
    },
  };
}

/** Ends a container with a signal, insists after its grace, and sees to it that no restart policy brings it back. */
export async function end(container: string, signal: string | undefined, graceMs: number): Promise<void> {
  const found = await mustInspect(container);
  if (found.State.Paused) await askEngine('POST', `/containers/${container}/unpause`, { accepted: [409] });
  if (signal !== undefined && found.State.Running && !found.State.Restarting) {
    await send(container, signal);
    if (!(await isDownWithin(container, signal === 'SIGKILL' ? KILL_TIMEOUT_MS : graceMs))) {
      await send(container, 'SIGKILL');
      await isDownWithin(container, KILL_TIMEOUT_MS);
    }
  }
  const after = await inspectContainer(container);
  if (!after || !isUp(after)) return;
  // The engine's own stop call also ends its restart policy's tries.
  const seconds = signal === undefined ? Math.ceil(graceMs / 1000) : 0;
  const timeoutMs = seconds * 1000 + KILL_TIMEOUT_MS;
  await askEngine('POST', `/containers/${container}/stop?t=${seconds}`, { accepted: [304, 404], timeoutMs });
}

async function send(container: string, signal: string): Promise<void> {
  // 409: it ended meanwhile.
  await askEngine('POST', `/containers/${container}/kill?signal=${signal}`, { accepted: [404, 409] });
}

async function isDownWithin(container: string, timeoutMs: number): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const found = await inspectContainer(container);
    if (!found?.State.Running) return true;
    if (systemClock.monotonicMs() >= deadlineMs) return false;
    await systemClock.sleep(POLL_MS);
  }
}

function stateOf(found: Awaited<ReturnType<typeof inspectContainer>>): Running {
  if (!found) return 'gone';
  return isUp(found) ? 'running' : 'stopped';
}
