import type Docker from 'dockerode';
import { messageOf } from '../../../src/core/errors.ts';
import { type EngineCall, engineMessage, pollUntil, unlessStatus } from '../engine.ts';
import type { ContainerInputs } from './inputs.ts';
import { joinNetworks } from './networks.ts';
import { uploadArchive } from './uploads.ts';

const healthPollMs = 100;

/** Brings a created container to where its inputs want it. Safe to repeat after a failure half way. */
export async function prepareAndStart(
  call: EngineCall,
  container: Docker.Container,
  inputs: ContainerInputs,
): Promise<void> {
  const { deadline } = call;
  await joinNetworks(call, container, inputs);
  if (inputs.uploads?.length) {
    const archive = await uploadArchive(inputs.uploads);
    await step('Unable to upload files', () => container.putArchive(archive, { path: '/', abortSignal: deadline }));
  }
  if (!inputs.start) return;
  await step('Unable to start container', () => unlessStatus(container.start({ abortSignal: deadline }), 304));
}

/** Resolves once the container's own health check passes; rejects when `waitTimeout` is over or the container has ended. */
export async function waitUntilHealthy(
  call: EngineCall,
  container: Docker.Container,
  inputs: ContainerInputs,
): Promise<void> {
  if (!inputs.wait || !inputs.start) return;
  let last = 'no answer yet';
  const timeUp = AbortSignal.timeout(inputs.waitTimeout * 1000);
  const isHealthy = async (): Promise<boolean> => {
    const { State: state } = await container.inspect({ abortSignal: call.deadline });
    if (!state.Running && !state.Restarting)
      throw new Error(`container failed to be in healthy state: it ended with ${state.ExitCode}`);
    if (state.Health === undefined) throw new Error('container failed to be in healthy state: it has no health check');
    last = [state.Health.Status, state.Health.Log?.at(-1)?.Output?.trim()].filter(Boolean).join(', ');
    return state.Health.Status === 'healthy';
  };
  try {
    await pollUntil(isHealthy, healthPollMs, AbortSignal.any([call.patience, timeUp]));
  } catch (error) {
    if (!timeUp.aborted || call.patience.aborted) throw error;
    const message = `container failed to be in healthy state within ${inputs.waitTimeout} s; last seen: ${last}`;
    throw new Error(message, { cause: error });
  }
}

async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${what}: ${engineMessage(error) || messageOf(error)}`, { cause: error });
  }
}
