import type Docker from 'dockerode';
import type { Topology, TopologyNode } from '../../../topology/topology.ts';
import { requireGoing } from '../../../core/clock.ts';
import { LabError } from '../../../core/errors.ts';
import type { CallOptions } from '../../call-options.ts';
import type { FaultActionKind, FaultPort, FaultState } from '../../faults.ts';
import { armFault } from './arm-fault.ts';
import { askAgent } from './agent-call.ts';
import type { LeaseReport } from './agent/task.ts';
import { findCapabilities, type Capabilities } from './capabilities.ts';
import { heldFaults, type HeldFault } from './fault-facts.ts';
import { faultState } from './fault-state.ts';
import { healFault } from './heal-fault.ts';
import { watchPairs } from './pair-watch.ts';
import { changeData } from './change-data.ts';

/** Beside the grace of a node that is asked to stop. */
const INJECT_TIMEOUT_MS = 60_000;

/**
 * Faults of the containers of one testnet. Each is held by a container of its own: it does the fault, counts its time and undoes it, and
 * needs nobody for that. It is spoken to over the engine, so that no fault of a network cuts it off.
 */
export function createDockerFaults({ docker, topology }: { docker: Docker; topology: Topology }): FaultPort {
  const { testnet } = topology;
  // Known for a fault that is gone only as long as this process lives; nobody acts on it.
  const kinds = new Map<string, FaultActionKind>();
  let known: Promise<Capabilities> | undefined;

  const capabilities = async (options: CallOptions): Promise<Capabilities> => {
    known ??= findCapabilities(docker, socketOf(docker), options);
    const asked = known;
    try {
      const found = await asked;
      // The image may be built meanwhile.
      if (found.image === '') known = undefined;
      return found;
    } catch (error) {
      if (known === asked) known = undefined;
      throw error;
    }
  };
  const find = async (node: TopologyNode, id: string, options: CallOptions): Promise<HeldFault | undefined> =>
    (await heldFaults(docker, testnet, options)).find(({ facts }) => facts.id === id && facts.node === node.name);
  const mustFind = async (node: TopologyNode, id: string, verb: string, options: CallOptions): Promise<HeldFault> => {
    const held = await find(node, id, options);
    if (held) return held;
    throw new LabError(
      `fault ${id} on ${node.name} cannot be ${verb}: it is not there; it may have ended at its time`,
      {
        details: { node: node.name, fault: id },
      },
    );
  };
  const absent = (node: string, id: string): FaultState => ({
    id,
    node,
    kind: kinds.get(id) ?? 'cut',
    state: 'absent',
    effect: {},
  });

  return {
    capabilities: async (options = {}) => (await capabilities(options)).kinds,
    canDo: async (action, options = {}) => (await capabilities(options)).of(action),

    arm: async (lease, options = {}) => {
      requireGoing(options.signal);
      await armFault({ docker, topology, capabilities: await capabilities(options) }, lease, options);
      kinds.set(lease.id, lease.action.kind);
    },

    inject: async (node, id, options = {}) => {
      const { facts, container } = await mustFind(node, id, 'injected', options);
      const limits = { timeoutMs: node.stop.graceMs + INJECT_TIMEOUT_MS, ...options };
      const what = `inject fault ${id} (${facts.kind}) on ${node.name}`;
      const report = await askAgent<LeaseReport>(container, what, { op: 'inject' }, limits);
      if (facts.data === undefined || report.phase === 'injected') return;
      const { image } = await capabilities(options);
      await changeData({ docker, testnet, image }, node, facts.data, options);
      await askAgent(container, what, { op: 'confirm' }, options);
    },

    extend: async (node, id, ttlMs, options = {}) => {
      const { container } = await mustFind(node, id, 'extended', options);
      await askAgent(container, `extend fault ${id} on ${node.name}`, { op: 'extend', ttlMs }, options);
    },

    inspect: async (node, id, options = {}) => {
      const held = await find(node, id, options);
      return (held && (await faultState(docker, testnet, held, options))) ?? absent(node.name, id);
    },

    heal: async (node, id, options = {}) => {
      const held = await find(node, id, options);
      if (held) await healFault(held, { timeoutMs: node.stop.graceMs + INJECT_TIMEOUT_MS, ...options });
    },

    list: async (options = {}) => {
      const held = await heldFaults(docker, testnet, options);
      const states = await Promise.all(held.map((one) => faultState(docker, testnet, one, options)));
      return states.filter((state) => state !== undefined);
    },

    watchPairs: async (nodes, options = {}) =>
      watchPairs({ docker, topology, image: (await capabilities(options)).image }, nodes, options),
  };
}

/** Where the engine is reached from here is where its host has it: only local sockets are supported. */
function socketOf(docker: Docker): string {
  const { socketPath } = docker.modem as { socketPath?: string };
  return socketPath ?? '/var/run/docker.sock';
}
