import type Docker from 'dockerode';
import type { CallOptions } from '../../call-options.ts';
import type { FaultActionKind } from '../../faults.ts';
import { labels } from '../../labels.ts';
import { engineCall } from '../engine-call.ts';

/** What stands on the container that holds a fault. */
export interface FaultFacts {
  id: string;
  /** Name of the node or of the service of the monitoring. */
  node: string;
  kind: FaultActionKind;
  /** Id and start of the container that it acts on, as they were. */
  instance: string;
  /** Whether the fault lies in something that a container gets anew with every start. */
  diesWithInstance: boolean;
  /** What is done to the data of a node that is ended. */
  data?: 'wipe' | 'corrupt';
}

export interface HeldFault {
  facts: FaultFacts;
  container: Docker.Container;
  /** `created`, `running`, `exited`, … */
  state: string;
}

/** No node can have this name: theirs have no dot. The engine lets only one container have it, so that of two faults alike one is refused. */
export function faultContainerName(testnet: string, node: string, kind: FaultActionKind): string {
  return `${testnet}.fault.${node}.${kind}`;
}

/** Every container of a testnet that holds a fault, whoever made it. */
export async function heldFaults(docker: Docker, testnet: string, options: CallOptions): Promise<HeldFault[]> {
  const filters = { label: [`${labels.testnet}=${testnet}`, labels.fault] };
  const found = await engineCall(`look for faults of ${testnet}`, options, (abortSignal) =>
    docker.listContainers({ all: true, filters, abortSignal }),
  );
  return found
    .filter(({ State }) => State !== 'removing')
    .map(({ Id, State, Labels }) => heldFaultOf(docker, { id: Id, state: State, label: Labels[labels.fault] }));
}

/** What a container that the engine listed says of the fault that it holds. */
export function heldFaultOf(
  docker: Docker,
  { id, state, label }: { id: string; state: string; label: string | undefined },
): HeldFault {
  return { facts: JSON.parse(label ?? '') as FaultFacts, container: docker.getContainer(id), state };
}
