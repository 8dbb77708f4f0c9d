import type Docker from 'dockerode';
import { labels } from '../labels.ts';
import type { CallOptions } from '../lab.ts';
import { engineCall, isMissing, statusOf } from './engine-call.ts';
import { untilGone } from './until-gone.ts';

/** A container, volume or network that carries a testnet's label. */
export interface OwnedObject {
  kind: 'container' | 'volume' | 'network';
  id: string;
  name: string;
  /** The node's name, for what belongs to a node. */
  node: string | undefined;
}

/** Time that a container is given to end before it is killed, in seconds. */
const STOP_SECONDS = 10;
/** A container's stop and its removal together, in ms. */
const REMOVE_TIMEOUT_MS = 30_000;

/**
 * Everything on the engine that belongs to a testnet, whoever made it, and the helper containers that still hold one of its
 * volumes because the command that made them was killed. The testnet's lease is its holder's and left out, unless asked for.
 */
export async function listOwnedObjects(
  docker: Docker,
  testnet: string,
  { hasLease = false, ...options }: CallOptions & { hasLease?: boolean } = {},
): Promise<OwnedObject[]> {
  const filters = { label: [`${labels.testnet}=${testnet}`] };
  const [containers, { Volumes: volumes }, networks] = await Promise.all([
    engineCall('list containers', options, (abortSignal) => docker.listContainers({ all: true, filters, abortSignal })),
    engineCall('list volumes', options, (abortSignal) => docker.listVolumes({ filters, abortSignal })),
    engineCall('list networks', options, (abortSignal) => docker.listNetworks({ filters, abortSignal })),
  ]);
  const helpers =
    volumes.length === 0
      ? []
      : await engineCall('list helper containers', options, (abortSignal) =>
          docker.listContainers({
            all: true,
            filters: { label: [labels.helper], volume: volumes.map(({ Name }) => Name) },
            abortSignal,
          }),
        );
  const byId = new Map(
    [...containers, ...helpers]
      .filter(({ Labels }) => hasLease || Labels[labels.lease] === undefined)
      .map((container) => [container.Id, container]),
  );
  return [
    ...[...byId.values()].map(({ Id, Names, Labels }) => ({
      kind: 'container' as const,
      id: Id,
      name: Names[0]?.slice(1) ?? Id,
      node: Labels[labels.node],
    })),
    ...volumes.map(({ Name, Labels }) => ({
      kind: 'volume' as const,
      id: Name,
      name: Name,
      node: (Labels as Record<string, string> | null)?.[labels.node],
    })),
    ...networks.map(({ Id, Name }) => ({ kind: 'network' as const, id: Id, name: Name, node: undefined })),
  ];
}

/** Removes one object of a testnet, a running container after it was asked to stop. Succeeds when it is gone already. */
export async function removeOwnedObject(docker: Docker, object: OwnedObject, options: CallOptions = {}): Promise<void> {
  const { kind, id, name } = object;
  try {
    await engineCall(
      `remove ${kind} ${name}`,
      { timeoutMs: REMOVE_TIMEOUT_MS, ...options },
      async (abortSignal): Promise<unknown> => {
        if (kind === 'volume') return docker.getVolume(id).remove({ abortSignal }) as Promise<unknown>;
        if (kind === 'network') return docker.getNetwork(id).remove({ abortSignal }) as Promise<unknown>;
        const container = docker.getContainer(id);
        const { State } = await container.inspect({ abortSignal });
        if (State.Running && !State.Paused) {
          await container.stop({ t: STOP_SECONDS, abortSignal }).catch((error: unknown) => {
            // It ended meanwhile.
            if (!isNotModified(error)) throw error;
          });
        }
        return container.remove({ force: true, v: true, abortSignal }) as Promise<unknown>;
      },
    );
  } catch (error) {
    // What removes itself when it ends may be at it already; it is gone in a moment.
    if (kind === 'container' && statusOf(error) === 409) await untilGone(docker.getContainer(id), name, options);
    else if (!isMissing(error)) throw error;
  }
}

function isNotModified(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 304;
}
