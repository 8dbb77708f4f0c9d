import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import { requireGoing } from '../../../core/clock.ts';
import { LabError, messageOf } from '../../../core/errors.ts';
import type { Topology, TopologyNode } from '../../../topology/topology.ts';
import type { CallOptions } from '../../call-options.ts';
import type { PairProbe, PairWatch } from '../../faults.ts';
import { labels } from '../../labels.ts';
import { hasProcess } from '../owned-container.ts';
import { askAgent } from './agent-call.ts';
import { createAgent, removeContainer, startAgent } from './agent-container.ts';
import type { ProbePeer, ProbeReport } from './agent/task.ts';
import { findTarget, instanceOf } from './fault-target.ts';
import { judgePair } from './judge-pair.ts';
import { networkEnds } from './network-ends.ts';

const LOOK_TIMEOUT_MS = 2_000;
/** A probe of a watch that nobody closes ends by itself. */
const IDLE_MS = 15 * 60_000;
/** What the engine and a busy machine may take beside the look itself. */
const MARGIN_MS = 30_000;

interface Probe {
  node: TopologyNode;
  instance: string;
  container: Docker.Container;
  port: number;
}

export interface WatchContext {
  docker: Docker;
  topology: Topology;
  image: string;
}

/** One probe in the network of each node, made anew when its node is. */
export async function watchPairs(
  context: WatchContext,
  nodes: readonly TopologyNode[],
  options: CallOptions,
): Promise<PairWatch> {
  if (context.image === '')
    throw new LabError('pairs are looked at from the toolbox image; `seatrial images` builds it');
  const names = nodes.map(({ name }) => name);
  const probes = new Map<string, Probe>();
  const lacks = new Map<string, string>();
  let looks = 0;

  const close = async (): Promise<void> => {
    const open = [...probes.values()];
    probes.clear();
    await Promise.all(open.map(({ container }) => removeContainer(container)));
  };

  /** Whether a probe is there that was not before. */
  const renew = async (node: TopologyNode, call: CallOptions): Promise<boolean> => {
    const found = await findTarget(context.docker, context.topology.testnet, { name: node.name, kind: 'cut' }, call);
    const instance = found && hasProcess(found.facts) ? instanceOf(found) : undefined;
    const known = probes.get(node.name);
    if (known && known.instance === instance) return false;
    if (known) {
      probes.delete(node.name);
      await removeContainer(known.container);
    }
    lacks.set(node.name, `${node.name} does not run`);
    if (!found || instance === undefined) return false;
    try {
      probes.set(node.name, await makeProbe(context, node, { id: found.facts.Id, instance }, call));
      lacks.delete(node.name);
    } catch (error) {
      requireGoing(call.signal);
      lacks.set(node.name, `nobody can look from ${node.name}: ${messageOf(error)}`);
    }
    return true;
  };

  const prepare = async (call: CallOptions): Promise<void> => {
    const renewed = await Promise.all(nodes.map((node) => renew(node, call)));
    if (!renewed.includes(true)) return;
    const ends = await networkEnds(context.docker, context.topology, call);
    const peers = [...probes.values()].flatMap(({ node: { name }, port }): ProbePeer[] => {
      const address = ends.addressOf(name);
      return address === undefined ? [] : [{ name, address, port }];
    });
    await Promise.all(
      [...probes.values()].map(({ node: { name }, container }) => {
        const others = peers.filter((peer) => peer.name !== name);
        return askAgent(container, `tell the probe of ${name} its peers`, { op: 'peers', peers: others }, call);
      }),
    );
  };

  const look = async (call: CallOptions & { timeoutMs: number }): Promise<PairProbe[]> => {
    const { timeoutMs, signal } = call;
    await prepare({ signal });
    const number = ++looks;
    const reports = new Map<string, ProbeReport>();
    await Promise.all(
      [...probes.values()].map(async ({ node: { name }, container }) => {
        const limits = { signal, timeoutMs: timeoutMs + MARGIN_MS };
        const what = `look from ${name}`;
        try {
          const request = { op: 'look', look: number, timeoutMs } as const;
          reports.set(name, await askAgent<ProbeReport>(container, what, request, limits));
        } catch (error) {
          requireGoing(signal);
          lacks.set(name, messageOf(error));
        }
      }),
    );
    return names.flatMap((from) => names.filter((to) => to !== from).map((to) => judgePair(from, to, reports, lacks)));
  };

  try {
    await prepare(options);
  } catch (error) {
    await close();
    throw error;
  }
  return { nodes: names, look: (call = {}) => look({ timeoutMs: LOOK_TIMEOUT_MS, ...call }), close };
}

async function makeProbe(
  { docker, topology: { testnet }, image }: WatchContext,
  node: TopologyNode,
  target: { id: string; instance: string },
  options: CallOptions,
): Promise<Probe> {
  const what = `looking from ${node.name}`;
  const definition = {
    // Several may watch the same node.
    name: `${testnet}.probe.${node.name}.${randomBytes(4).toString('hex')}`,
    image,
    task: { role: 'probe', node: node.name, idleMs: IDLE_MS },
    labels: { [labels.testnet]: testnet, [labels.node]: node.name, [labels.helper]: 'probe' },
    rights: { network: target.id, user: '65534:65534' },
  } as const;
  const container = await createAgent(docker, what, definition, options);
  try {
    await startAgent(what, container, options);
    const { port } = await askAgent<{ port: number }>(container, what, { op: 'state' }, options);
    return { node, instance: target.instance, container, port };
  } catch (error) {
    await removeContainer(container);
    throw error;
  }
}
