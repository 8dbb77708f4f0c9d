import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { CutRule, FaultAction, NetworkEnd, ShapeRule } from '../lab/faults.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import type { FaultKind } from './fault-spec.ts';
import type { ParameterValues } from './parameter-values.ts';
import type { CutFlow } from './reachability.ts';

type Testnet = Pick<Topology, 'nodes' | 'monitoring'>;

/**
 * Each flow is cut at one of its two ends, so that as few nodes as can easily be found are touched: always the node with most flows that are
 * still to be cut, of several a target, then the first.
 */
export function cutActions(
  cuts: readonly CutFlow[],
  nodes: readonly TopologyNode[],
  targets: readonly string[],
): [TopologyNode, FaultAction][] {
  const candidates = [...nodes].sort((a, b) => Number(targets.includes(b.name)) - Number(targets.includes(a.name)));
  const actions: [TopologyNode, FaultAction][] = [];
  let left = [...cuts];
  while (left.length > 0) {
    const counted = candidates.map((node) => ({ node, own: left.filter((flow) => touches(flow, node.name)) }));
    const { node, own } = counted.reduce((best, one) => (one.own.length > best.own.length ? one : best));
    const rules = own.map(({ from, to }): CutRule =>
      from === node.name
        ? { direction: 'out', peer: to, verdict: 'drop' }
        : { direction: 'in', peer: from, verdict: 'drop' },
    );
    actions.push([node, { kind: 'cut', rules }]);
    left = left.filter((flow) => !touches(flow, node.name));
  }
  return actions.sort(([a], [b]) => nodes.indexOf(a) - nodes.indexOf(b));
}

function touches({ from, to }: CutFlow, name: string): boolean {
  return from === name || to === name;
}

/** What does not get to some ports of a node. */
export function portCut(
  verdict: 'drop' | 'reject',
  node: TopologyNode,
  values: ParameterValues,
  testnet: Testnet,
): FaultAction {
  const ports = values.names('ports') ?? [];
  const known = node.ports.map(({ name }) => name);
  for (const port of ports) {
    if (!known.includes(port)) throw new UsageError(`${node.name} has no port "${port}"${didYouMean(port, known)}`);
  }
  const ends = ['clients', ...(testnet.monitoring ? ['monitoring'] : [])];
  const peers = peersOf(node, values, testnet, ends) ?? [...otherNames(node, testnet), 'clients'];
  return { kind: 'cut', rules: peers.map((peer): CutRule => ({ direction: 'in', peer, ports, verdict })) };
}

export function shapeRules(
  kind: 'delay' | 'loss' | 'bandwidth',
  node: TopologyNode,
  values: ParameterValues,
  testnet: Testnet,
): FaultAction {
  const delayMs = values.number('delay');
  const jitterMs = values.number('jitter');
  const lossShare = values.number('loss');
  const bitsPerSecond = values.number('rate');
  if ((jitterMs ?? 0) > (delayMs ?? 0)) {
    throw new UsageError(`${kind} cannot have a jitter of ${jitterMs} ms: it is at most the delay, ${delayMs ?? 0} ms`);
  }
  const peers = peersOf(node, values, testnet, []) ?? otherNames(node, testnet);
  if (peers.length === 0) throw new UsageError(`${kind} has nothing to act on: ${node.name} is the only node`);
  const rule = {
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(jitterMs === undefined ? {} : { jitterMs }),
    ...(lossShare === undefined ? {} : { lossShare }),
    ...(bitsPerSecond === undefined ? {} : { bitsPerSecond }),
  };
  return { kind: 'shape', rules: peers.map((peer): ShapeRule => ({ peer, ...rule })) };
}

type NodeFaultKind = Exclude<
  FaultKind,
  'partition' | 'drop' | 'reject' | 'delay' | 'loss' | 'bandwidth' | 'prometheus-gone' | 'alertmanager-gone'
>;

export function nodeAction(kind: NodeFaultKind, node: TopologyNode, values: ParameterValues): FaultAction {
  switch (kind) {
    case 'dns':
    case 'pause':
    case 'disk-full':
      return { kind };
    case 'kill':
      return { kind: 'down', signal: 'SIGKILL', data: 'keep' };
    case 'term':
      return { kind: 'down', signal: 'SIGTERM', data: 'keep' };
    case 'restart':
      return { kind: 'down', signal: values.text('signal') === 'kill' ? 'SIGKILL' : 'SIGTERM', data: 'keep' };
    case 'wipe':
    case 'corrupt':
      return { kind: 'down', signal: 'SIGKILL', data: kind };
    case 'clock': {
      const offsetMs = values.number('offset') ?? 0;
      return { kind: 'clock', offsetMs };
    }
    case 'cpu':
      return { kind: 'cpu', share: values.number('share') ?? 1 };
    case 'memory':
      return { kind: 'memory', limitBytes: values.number('limit') ?? Infinity };
    case 'config':
      return { kind: 'config', path: configPath(node, values.text('path')) };
  }
}

function configPath(node: TopologyNode, path: string | undefined): string {
  const known = Object.keys(node.files);
  if (path !== undefined && known.includes(path)) return path;
  if (path !== undefined)
    throw new UsageError(`${node.name} has no configuration file ${path}${didYouMean(path, known)}`);
  const [first] = known;
  if (first === undefined) throw new UsageError(`${node.name} has no configuration file that could be spoiled`);
  return first;
}

function peersOf(
  node: TopologyNode,
  values: ParameterValues,
  testnet: Testnet,
  ends: readonly NetworkEnd[],
): string[] | undefined {
  const peers = values.names('peers');
  const known = [...otherNames(node, testnet), ...ends];
  const wrong = peers?.find((peer) => !known.includes(peer));
  if (wrong === undefined) return peers;
  const why = wrong === node.name ? 'is the target itself' : `is none of them${didYouMean(wrong, known)}`;
  throw new UsageError(`peers of ${node.name} cannot name ${wrong}: it ${why}`);
}

function otherNames(node: TopologyNode, { nodes }: Testnet): string[] {
  return nodes.map(({ name }) => name).filter((name) => name !== node.name);
}
