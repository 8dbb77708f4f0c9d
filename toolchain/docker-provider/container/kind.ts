import type Docker from 'dockerode';
import { canonicalJson } from '../../../src/core/canonical.ts';
import { messageOf } from '../../../src/core/errors.ts';
import type { Properties } from '../../plugin/properties.ts';
import { type EngineCall, engineMessage, isStatus, unlessStatus } from '../engine.ts';
import { InitError, RefusedByEngine, type ResourceKind, type State } from '../resource-kind.ts';
import { containerSchema } from '../schema/container.ts';
import { withoutDefaults } from '../without-defaults.ts';
import { createOptions, updatableOptions } from './create-options.ts';
import { observedInputs } from './drift.ts';
import type { ContainerInputs } from './inputs.ts';
import { stopAndRemove } from './remove.ts';
import { prepareAndStart, waitUntilHealthy } from './start.ts';
import { computedProperties, containerState } from './state.ts';

export const containerKind: ResourceKind = {
  schema: containerSchema,
  computed: computedProperties,

  async create(call, properties) {
    const inputs = properties as unknown as ContainerInputs;
    const container = await createContainer(call, inputs);
    const state = await settle(call, container, properties, async () => {
      await prepareAndStart(call, container, inputs);
      await waitUntilHealthy(call, container, inputs);
    });
    return { id: container.id, state };
  },

  async read(call, id, inputs) {
    const container = await inspect(call, id);
    if (container === undefined) return undefined;
    const observed = observedInputs(inputs, container);
    return { id: container.Id, state: containerState(observed, container), inputs: observed };
  },

  async update(call, id, news) {
    const inputs = news as unknown as ContainerInputs;
    const container = call.docker.getContainer(id);
    const observed = await inspect(call, id);
    if (observed === undefined)
      throw new RefusedByEngine(`Unable to update container ${id}: it does not exist`, undefined);
    await changeInPlace(call, container, inputs, observed.HostConfig);
    return settle(call, container, news, async () => {
      // An update also comes for a container whose creation failed half way.
      if (observed.State.Status === 'created') await prepareAndStart(call, container, inputs);
      await waitUntilHealthy(call, container, inputs);
    });
  },

  delete: (call, id, state) => stopAndRemove(call, call.docker.getContainer(id), state),
};

async function createContainer({ docker, deadline }: EngineCall, inputs: ContainerInputs): Promise<Docker.Container> {
  try {
    return await docker.createContainer({ ...createOptions(inputs), abortSignal: deadline });
  } catch (error) {
    const message = isStatus(error, 404)
      ? `Unable to create container with image ${inputs.image}: ${engineMessage(error)}; the offline docker provider pulls no images`
      : `Unable to create container: ${engineMessage(error)}`;
    throw new RefusedByEngine(message, error);
  }
}

async function changeInPlace(
  { deadline }: EngineCall,
  container: Docker.Container,
  inputs: ContainerInputs,
  present: Docker.HostConfig,
): Promise<void> {
  const wanted = updatableOptions(inputs);
  const isMet = Object.entries(wanted).every(
    ([name, value]) => canonicalJson(value) === canonicalJson(present[name as keyof Docker.HostConfig]),
  );
  if (isMet) return;
  try {
    await container.update({ ...wanted, abortSignal: deadline });
  } catch (error) {
    throw new RefusedByEngine(`Unable to update container: ${engineMessage(error)}`, error);
  }
}

/** Does the work, then reads the state. Where the work fails, the container is there all the same, and the error says so. */
async function settle(
  call: EngineCall,
  container: Docker.Container,
  inputs: Properties,
  work: () => Promise<void>,
): Promise<State> {
  let failure: string | undefined;
  try {
    await work();
  } catch (error) {
    failure = isStatus(error, 400, 404, 409, 500) ? engineMessage(error) : messageOf(error);
  }
  const observed = await inspect(call, container.id);
  if (observed === undefined) {
    // Made with `rm`, and at its end already.
    if (failure === undefined && inputs['rm'] === true) return withoutDefaults(inputs);
    throw new RefusedByEngine(failure ?? `container ${container.id} vanished while it was being started`, undefined);
  }
  const state = containerState(inputs, observed);
  if (failure !== undefined) throw new InitError({ id: container.id, state }, failure);
  return state;
}

function inspect({ docker, deadline }: EngineCall, id: string): Promise<Docker.ContainerInspectInfo | undefined> {
  return unlessStatus(docker.getContainer(id).inspect({ abortSignal: deadline }), 404);
}
