import { abortedError, type Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import type { FaultActionKind, FaultPort, FaultState, PairProbe } from '../faults.ts';
import type { FakeWorld } from './fake-world.ts';

/** Of every action, so that a new one cannot be forgotten. */
const kinds: Record<FaultActionKind, true> = {
  cut: true,
  shape: true,
  dns: true,
  pause: true,
  down: true,
  'disk-full': true,
  clock: true,
  cpu: true,
  memory: true,
  config: true,
  'monitoring-gone': true,
};

const LOOK_TIMEOUT_MS = 2000;
const ROUND_TRIP_MS = 1;

/** The fault port of a fake world; what goes wrong is decided by `world.faults.script`. */
export function createFakeFaultPort(world: FakeWorld, clock: Clock): FaultPort {
  const { faults } = world;

  const requireHeld = (node: TopologyNode, id: string, verb: string): NonNullable<ReturnType<typeof faults.find>> => {
    const held = faults.find(node.name, id);
    if (held) return held;
    throw new LabError(`fault ${id} on ${node.name} cannot be ${verb}: it is not there`, {
      details: { node: node.name, fault: id },
    });
  };

  return {
    capabilities: async ({ signal } = {}) => {
      requireGoing(signal);
      const all = Object.entries(kinds) as [FaultActionKind, true | string][];
      return Object.fromEntries(all.map(([kind]) => [kind, faults.missing.get(kind) ?? true])) as Awaited<
        ReturnType<FaultPort['capabilities']>
      >;
    },
    arm: async (lease, { signal } = {}) => {
      requireGoing(signal);
      const { name } = lease.node;
      const { kind } = lease.action;
      const refuse = (why: string): never => {
        throw new LabError(`${kind} cannot be armed on ${name}: ${why}`, { details: { node: name, fault: lease.id } });
      };
      const lack = faults.missing.get(kind);
      if (lack !== undefined) refuse(lack);
      if (kind !== 'monitoring-gone' && !world.nodes.has(name)) refuse('there is no such node');
      const others = faults.all().map((held) => held.lease);
      if (others.some(({ id }) => id === lease.id)) refuse(`the id ${lease.id} is taken`);
      const same = others.find(({ node, action }) => node.name === name && action.kind === kind);
      if (same) refuse(`fault ${same.id} does the same there already`);
      faults.arm(lease);
    },
    inject: async (node, id, { signal } = {}) => {
      requireGoing(signal);
      faults.inject(requireHeld(node, id, 'injected'));
    },
    extend: async (node, id, ttlMs, { signal } = {}) => {
      requireGoing(signal);
      faults.extend(requireHeld(node, id, 'extended'), ttlMs);
    },
    inspect: async (node, id, { signal } = {}) => {
      requireGoing(signal);
      const held = faults.find(node.name, id);
      return held ? faults.stateOf(held) : absent(node, id);
    },
    heal: async (node, id, { signal } = {}) => {
      requireGoing(signal);
      const held = faults.find(node.name, id);
      if (held) faults.heal(held);
    },
    list: async ({ signal } = {}) => {
      requireGoing(signal);
      return faults.all().map((held) => faults.stateOf(held));
    },
    watchPairs: async (nodes, { signal } = {}) => {
      requireGoing(signal);
      return {
        nodes: nodes.map(({ name }) => name),
        look: async ({ signal: lookSignal, timeoutMs = LOOK_TIMEOUT_MS } = {}) => {
          requireGoing(lookSignal);
          const probes = nodes.flatMap((from) =>
            nodes.filter((to) => to !== from).map((to) => probe(world, from.name, to.name)),
          );
          // What does not come is waited for.
          const isPatient = probes.some(({ fresh, established }) => fresh !== 'ok' || established !== 'ok');
          await clock.sleep(isPatient ? timeoutMs : ROUND_TRIP_MS, lookSignal);
          return probes;
        },
        close: async () => undefined,
      };
    },
  };
}

function absent(node: TopologyNode, id: string): FaultState {
  return { id, node: node.name, kind: 'cut', state: 'absent', effect: {} };
}

function probe(world: FakeWorld, from: string, to: string): PairProbe {
  const { faults } = world;
  const isUp = [from, to].every((name) => world.isAlive(name) && world.nodes.get(name)?.isPaused !== true);
  const goes = isUp && faults.passes(from, to);
  const isBoth = goes && faults.passes(to, from);
  return {
    from,
    to,
    fresh: isBoth ? 'ok' : 'blocked',
    established: goes ? 'ok' : 'blocked',
    ...(isBoth ? { roundTripMs: ROUND_TRIP_MS + faults.delayMs(from, to) + faults.delayMs(to, from) } : {}),
  };
}

function requireGoing(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}
