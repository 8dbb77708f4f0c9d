import type Docker from 'dockerode';
import { CleanupError, messageOf } from '../../core/errors.ts';
import { labels } from '../labels.ts';
import type { CallOptions } from '../lab.ts';
import { processOrigin } from '../lease.ts';
import { engineCall } from './engine-call.ts';

/** Clean-up has its own time, whatever is left of the caller's. */
const REMOVE_TIMEOUT_MS = 15_000;

export interface HelperDefinition {
  /** What it is for, as it will stand in errors and in its label. */
  purpose: string;
  image: string;
  /** `noCopy`: an empty one is not filled from the image. */
  volume?: { name: string; mountPath: string; noCopy?: boolean };
  labels?: Record<string, string>;
}

/** Works with a container that is never started: files of its image and volumes are read, and put there, through it. */
export async function withUnstartedContainer<T>(
  docker: Docker,
  { purpose, image, volume, labels: given }: HelperDefinition,
  options: CallOptions,
  work: (container: Docker.Container) => Promise<T>,
): Promise<T> {
  const definition: Docker.ContainerCreateOptions = {
    Image: image,
    // Never run, but an image without a command of its own cannot make a container.
    Cmd: ['never-started'],
    Labels: { ...given, [labels.helper]: purpose },
    HostConfig: {
      NetworkMode: 'none',
      ...(volume ? { Binds: [`${volume.name}:${volume.mountPath}${volume.noCopy ? ':nocopy' : ''}`] } : {}),
    },
  };
  return withHelper(docker, purpose, definition, options, work);
}

/**
 * Makes a container, works with it and removes it, whatever happened. It says whose it is, so that the next command can remove it
 * when this process is killed.
 */
export async function withHelper<T>(
  docker: Docker,
  purpose: string,
  definition: Docker.ContainerCreateOptions,
  options: CallOptions,
  work: (container: Docker.Container) => Promise<T>,
): Promise<T> {
  const origin = await processOrigin();
  const Labels = { ...definition.Labels, ...(origin && { [labels.owner]: JSON.stringify(origin) }) };
  const container = await engineCall(`create a container for ${purpose}`, options, (abortSignal) =>
    docker.createContainer({ ...definition, Labels, abortSignal }),
  );
  let result: T;
  try {
    result = await work(container);
  } catch (first) {
    await remove(container).catch((error: unknown) => {
      throw new CleanupError(`${messageOf(first)}; besides, ${messageOf(error)}`, { cause: error, first });
    });
    throw first;
  }
  await remove(container);
  return result;
}

async function remove(container: Docker.Container): Promise<void> {
  await engineCall(`remove helper container ${container.id}`, { timeoutMs: REMOVE_TIMEOUT_MS }, (abortSignal) =>
    // Its anonymous volumes go with it; the image may declare some.
    container.remove({ force: true, v: true, abortSignal }),
  );
}
