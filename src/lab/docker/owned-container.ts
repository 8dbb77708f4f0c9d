import type Docker from 'dockerode';
import { LabError } from '../../core/errors.ts';
import { containerName } from '../../topology/container.ts';
import { serviceLabel } from '../../topology/labels.ts';
import { labels } from '../labels.ts';
import type { CallOptions } from '../lab.ts';
import { engineCall, isMissing } from './engine-call.ts';

export type ContainerFacts = Docker.ContainerInspectInfo;

export type FoundContainer =
  | { state: 'absent' }
  /** The name is held by a container that is not this node's. */
  | { state: 'foreign'; facts: ContainerFacts }
  | { state: 'owned'; facts: ContainerFacts; container: Docker.Container };

/**
 * Looks up the container of a node, or of a monitoring service, by name; it is the node's only with the testnet's and the node's labels on
 * it. No node has the name of a service.
 */
export async function findContainer(
  docker: Docker,
  testnet: string,
  node: string,
  options: CallOptions,
): Promise<FoundContainer> {
  const container = docker.getContainer(containerName(testnet, node));
  let facts: ContainerFacts;
  try {
    facts = await engineCall(`inspect ${node}`, options, (abortSignal) => container.inspect({ abortSignal }));
  } catch (error) {
    if (isMissing(error)) return { state: 'absent' };
    throw error;
  }
  const found: Record<string, string | undefined> = facts.Config.Labels;
  const member = found[labels.node] ?? found[serviceLabel];
  const isOwn = found[labels.testnet] === testnet && member === node && found[labels.helper] === undefined;
  if (!isOwn) return { state: 'foreign', facts };
  // From here on by id: a container that takes over the name in the meantime must not be touched.
  return { state: 'owned', facts, container: docker.getContainer(facts.Id) };
}

/** The node's own container; rejects when there is none or when the name is somebody else's. */
export async function ownContainer(
  docker: Docker,
  testnet: string,
  node: string,
  options: CallOptions,
): Promise<{ facts: ContainerFacts; container: Docker.Container }> {
  const found = await findContainer(docker, testnet, node, options);
  if (found.state === 'owned') return found;
  const name = containerName(testnet, node);
  throw new LabError(
    found.state === 'absent'
      ? `node ${node} of testnet ${testnet} does not exist: there is no container ${name}`
      : `container ${name} is not of testnet ${testnet}: it lacks the labels of node ${node} and is left alone`,
    { details: { testnet, node, container: name } },
  );
}

/** Whether the container's process is there. While a restart policy waits for its next try there is none. */
export function hasProcess(facts: ContainerFacts): boolean {
  return facts.State.Running && !facts.State.Restarting;
}
