import type Docker from 'dockerode';
import { LabError } from '../../../core/errors.ts';
import { containerName } from '../../../topology/container.ts';
import { serviceLabel } from '../../../topology/labels.ts';
import type { CallOptions } from '../../call-options.ts';
import type { FaultActionKind } from '../../faults.ts';
import { labels } from '../../labels.ts';
import { engineCall, isMissing } from '../engine-call.ts';
import { findContainer, ownContainer, type ContainerFacts } from '../owned-container.ts';

export interface FaultTarget {
  facts: ContainerFacts;
  container: Docker.Container;
}

/** The container that a fault is to act on; rejects when there is none, or when it is somebody else's. */
export async function requireTarget(
  docker: Docker,
  testnet: string,
  target: { name: string; kind: FaultActionKind },
  options: CallOptions,
): Promise<FaultTarget> {
  if (target.kind !== 'monitoring-gone') return ownContainer(docker, testnet, target.name, options);
  const found = await findService(docker, testnet, target.name, options);
  if (found) return found;
  const name = containerName(testnet, target.name);
  throw new LabError(`${testnet} has no monitoring container ${name} with its labels`, {
    details: { testnet, container: name },
  });
}

/** The same; undefined when there is none. */
export async function findTarget(
  docker: Docker,
  testnet: string,
  target: { name: string; kind: FaultActionKind },
  options: CallOptions,
): Promise<FaultTarget | undefined> {
  if (target.kind === 'monitoring-gone') return findService(docker, testnet, target.name, options);
  const found = await findContainer(docker, testnet, target.name, options);
  return found.state === 'owned' ? found : undefined;
}

/** Changes with every start of a container and with every container. */
export function instanceOf({ facts }: FaultTarget): string {
  return `${facts.Id}:${facts.State.StartedAt}`;
}

async function findService(
  docker: Docker,
  testnet: string,
  service: string,
  options: CallOptions,
): Promise<FaultTarget | undefined> {
  try {
    const facts = await engineCall(`inspect ${service}`, options, (abortSignal) =>
      docker.getContainer(containerName(testnet, service)).inspect({ abortSignal }),
    );
    const found: Record<string, string | undefined> = facts.Config.Labels;
    if (found[labels.testnet] !== testnet || found[serviceLabel] !== service) return undefined;
    return { facts, container: docker.getContainer(facts.Id) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
