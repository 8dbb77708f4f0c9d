import type Docker from 'dockerode';
import { LabError } from '../../../core/errors.ts';
import type { Topology } from '../../../topology/topology.ts';
import type { CallOptions } from '../../call-options.ts';
import type { FaultLease } from '../../faults.ts';
import { labels } from '../../labels.ts';
import { statusOf } from '../engine-call.ts';
import { userOf } from '../image-user.ts';
import { hasProcess } from '../owned-container.ts';
import { askAgent } from './agent-call.ts';
import { createAgent, removeContainer, startAgent } from './agent-container.ts';
import type { LeaseReport } from './agent/task.ts';
import type { Capabilities } from './capabilities.ts';
import { compileTask, diesWithInstance } from './compile-task.ts';
import { faultContainerName, heldFaults, type FaultFacts } from './fault-facts.ts';
import { instanceOf, requireTarget, type FaultTarget } from './fault-target.ts';
import { networkEnds } from './network-ends.ts';

export interface ArmContext {
  docker: Docker;
  topology: Topology;
  capabilities: Capabilities;
}

/** Makes the container that holds a fault, and sees that it counts. Leaves nothing behind when it rejects. */
export async function armFault(context: ArmContext, lease: FaultLease, options: CallOptions): Promise<void> {
  const { docker, topology, capabilities } = context;
  const { testnet } = topology;
  const { id, node, action, ttlMs } = lease;
  const { kind } = action;
  const refuse = (why: string): LabError =>
    new LabError(`fault ${id} (${kind}) cannot be armed on ${node.name}: ${why}`, {
      details: { testnet, node: node.name, fault: id, kind },
    });
  if (!/^[a-z0-9-]{1,48}$/.test(id)) throw refuse('its id is not 1 to 48 lower-case letters, digits and dashes');
  if (!Number.isFinite(ttlMs) || ttlMs <= 0) throw refuse(`its time is ${ttlMs} ms`);
  const able = capabilities.of(action);
  if (able !== true) throw refuse(able);

  const held = await heldFaults(docker, testnet, options);
  const sameId = held.find(({ facts }) => facts.id === id);
  if (sameId) throw refuse(`the id is taken, by a fault on ${sameId.facts.node}`);
  const alike = held.find(({ facts }) => facts.node === node.name && facts.kind === kind);
  if (alike) throw refuse(`fault ${alike.facts.id} does the same there already; heal it first`);

  const target = await requireTarget(docker, testnet, { name: node.name, kind }, options);
  if (!hasProcess(target.facts)) throw refuse('its container does not run');
  const { task, rights } = compileTask(lease, {
    container: target.facts.Id,
    nodes: topology.nodes,
    ends: await networkEnds(docker, topology, options),
    user: await processUser(target, options),
    engineSocket: capabilities.engineSocket,
  });
  const data = action.kind === 'down' && action.data !== 'keep' ? action.data : undefined;
  const facts: FaultFacts = {
    id,
    node: node.name,
    kind,
    instance: instanceOf(target),
    diesWithInstance: diesWithInstance(action),
    ...(data !== undefined && { data }),
  };
  const what = `fault ${id} (${kind}) on ${node.name}`;
  const definition = {
    name: faultContainerName(testnet, node.name, kind),
    image: capabilities.image,
    task: { role: 'lease', id, ttlMs, fault: task, removesItself: rights.engineSocket !== undefined },
    labels: {
      [labels.testnet]: testnet,
      [labels.node]: node.name,
      [labels.helper]: 'fault',
      [labels.fault]: JSON.stringify(facts),
    },
    rights,
  } as const;
  const agent = await createAgent(docker, what, definition, options).catch((error: unknown) => {
    // Somebody else was faster.
    if (statusOf(error) === 409) throw refuse(`another fault does the same there already (${definition.name})`);
    throw error;
  });
  try {
    await startAgent(what, agent, options);
    const { phase } = await askAgent<LeaseReport>(agent, `arm ${what}`, { op: 'state' }, options);
    if (phase !== 'armed') throw refuse(`its agent says "${phase}" instead of counting`);
  } catch (error) {
    await removeContainer(agent);
    throw error;
  }
}

async function processUser({ facts, container }: FaultTarget, options: CallOptions): Promise<string> {
  const { uid, gid } = await userOf(container, facts.Config.User, options);
  return `${uid}:${gid}`;
}
