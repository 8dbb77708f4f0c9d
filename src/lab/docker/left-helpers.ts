import type Docker from 'dockerode';
import { labels } from '../labels.ts';
import type { CallOptions } from '../lab.ts';
import { isProvablyGone, type ProcessOrigin } from '../lease.ts';
import { engineCall } from './engine-call.ts';
import { heldFaultOf } from './faults/fault-facts.ts';
import { healFault } from './faults/heal-fault.ts';
import { removeOwnedObject } from './owned-objects.ts';

/**
 * Removes the helper containers that a killed command left: those of this testnet, and those that work on no testnet at all.
 * What a process made that lives, or may live, stays, and so does what holds a fault and counts its time: that ends by itself. Resolves
 * to the names of what was removed.
 */
export async function removeLeftHelpers(docker: Docker, testnet: string, options: CallOptions = {}): Promise<string[]> {
  const filters = { label: [labels.helper, labels.owner] };
  const [helpers, { Volumes: volumes }] = await Promise.all([
    engineCall('list helper containers', options, (abortSignal) =>
      docker.listContainers({ all: true, filters, abortSignal }),
    ),
    engineCall('list volumes', options, (abortSignal) =>
      docker.listVolumes({ filters: { label: [`${labels.testnet}=${testnet}`] }, abortSignal }),
    ),
  ]);
  const own = new Set(volumes.map(({ Name }) => Name));
  const removed: string[] = [];
  for (const { Id: id, Names: names, Labels, Mounts, State: state } of helpers) {
    const named = Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name !== undefined ? [Name] : []));
    const label = Labels[labels.testnet];
    const isOfNone = label === undefined && named.length === 0;
    if (label !== testnet && !isOfNone && !named.some((volume) => own.has(volume))) continue;
    const origin = originOf(Labels[labels.owner]);
    if (!origin || !(await isProvablyGone(origin))) continue;
    const name = names[0]?.slice(1) ?? id;
    if (Labels[labels.fault] !== undefined) {
      if (state === 'running' || state === 'removing' || state === 'restarting') continue;
      // Nothing undoes its fault any more, unless it is started again for that.
      await healFault(heldFaultOf(docker, { id, state, label: Labels[labels.fault] }), options);
      removed.push(name);
      continue;
    }
    await removeOwnedObject(docker, { kind: 'container', id, name, node: undefined }, options);
    removed.push(name);
  }
  return removed;
}

/** A label that cannot be understood names nobody who is gone. */
function originOf(label: string | undefined): ProcessOrigin | undefined {
  try {
    const origin = JSON.parse(label ?? '') as Partial<ProcessOrigin>;
    const { host, bootId, pid, startTicks } = origin;
    if (host === undefined || bootId === undefined || startTicks === undefined) return undefined;
    return typeof pid === 'number' ? { ...origin, host, bootId, pid, startTicks } : undefined;
  } catch {
    return undefined;
  }
}
