import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { FaultAction, FaultLease } from '../lab/faults.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import { bareNode } from '../topology/bare-node.ts';
import { requireWithinLimits, type FaultLimits } from './blast-radius.ts';
import { catalogue, type PartitionTopology } from './catalogue.ts';
import type { CompiledFault } from './compiled-fault.ts';
import { expectedPairs } from './expected-pairs.ts';
import { sentencesOf } from './fault-sentences.ts';
import type { FaultSpec } from './fault-spec.ts';
import { requireNamedProperty } from './named-property.ts';
import { cutActions, nodeAction, portCut, shapeRules } from './node-actions.ts';
import { parameterValues, type ParameterValues } from './parameter-values.ts';
import { checkFaultSpec } from './parse-fault.ts';
import { quorumFacts, type CutFlow } from './reachability.ts';
import { cutFlows } from './topologies.ts';

/** A lease outlives the fault by this, for its heal. */
const SPARE_MS = 60_000;
/** And is extended by a heartbeat beyond this. */
const LONGEST_TTL_MS = 15 * 60_000;
/** Leaves room in a lease's id for the node's number. */
const LONGEST_ID = 40;

export interface FaultTestnet {
  topology: Pick<Topology, 'testnet' | 'nodes' | 'quorum' | 'availability' | 'monitoring'>;
  /** Nodes that do no work already, for whatever reason. Default: none. */
  out?: readonly string[];
  limits?: FaultLimits;
}

/**
 * Works a fault out for one testnet. Pure. `id` names it in the journal and its leases on the lab: lower-case letters, digits and dashes, at
 * most 40 characters. Throws UsageError for what does not exist, RefusedError('unsupported') for a topology that would not be what its
 * name says, RefusedError('unsafe') for more than its limits allow.
 */
export function compileFault(spec: FaultSpec, testnet: FaultTestnet, id: string): CompiledFault {
  checkFaultSpec(spec);
  if (!/^[a-z0-9][a-z0-9-]*$/.test(id) || id.length > LONGEST_ID) {
    throw new UsageError(
      `a fault cannot be named "${id}": at most ${LONGEST_ID} lower-case letters, digits and dashes`,
    );
  }
  const { topology, out = [], limits = {} } = testnet;
  const values = parameterValues(spec);
  const targets = spec.targets.map((name) => requireNode(name, topology));
  const { cuts, actions, flapMs } = actionsOf(spec, values, targets, testnet);

  const nodes = topology.nodes.map(({ name, votingPower }) => ({ name, power: votingPower }));
  const taken = catalogue[spec.kind].takesNodes ? spec.targets : [];
  const quorum = quorumFacts({ nodes, cuts, rule: topology.quorum, out: new Set([...out, ...taken]) });
  const cutFromClients = cuts.filter(({ from }) => from === 'clients').map(({ to }) => to);
  const ttlMs = Math.min(spec.durationMs + SPARE_MS, LONGEST_TTL_MS);
  const leases = actions.map(([node, action], index): FaultLease => ({ id: `${id}-${index}`, node, action, ttlMs }));
  const fault: CompiledFault = {
    id,
    spec,
    leases,
    expected: expectedPairs({ spec, names: nodes.map(({ name }) => name), cuts, leases, out }),
    cutFromClients,
    ...(flapMs === undefined ? {} : { flapMs }),
    quorum,
    sentences: [],
  };
  fault.sentences = sentencesOf(fault, cuts);
  requireWithinLimits(fault, { topology, taken, limits, values });
  return fault;
}

interface FaultActions {
  /** Data between ends that does not get through at all. */
  cuts: CutFlow[];
  actions: [TopologyNode, FaultAction][];
  flapMs?: number;
}

function actionsOf(
  spec: FaultSpec,
  values: ParameterValues,
  targets: readonly TopologyNode[],
  { topology }: FaultTestnet,
): FaultActions {
  const { kind } = spec;
  switch (kind) {
    case 'partition':
      return partition(spec, values, topology);
    case 'drop':
    case 'reject':
      return { cuts: [], actions: targets.map((node) => [node, portCut(kind, node, values, topology)]) };
    case 'delay':
    case 'loss':
    case 'bandwidth':
      return { cuts: [], actions: targets.map((node) => [node, shapeRules(kind, node, values, topology)]) };
    case 'prometheus-gone':
    case 'alertmanager-gone': {
      const node = monitoringNode(kind === 'prometheus-gone' ? 'prometheus' : 'alertmanager', topology);
      return { cuts: [], actions: [[node, { kind: 'monitoring-gone' }]] };
    }
    default:
      return { cuts: [], actions: targets.map((node) => [node, nodeAction(kind, node, values)]) };
  }
}

function partition(
  spec: FaultSpec,
  values: ParameterValues,
  { nodes, quorum, monitoring }: FaultTestnet['topology'],
): FaultActions {
  const asked = values.text('topology');
  const isFlapping = asked === 'flapping';
  const of = values.text('of');
  if (isFlapping && of === undefined) {
    throw new UsageError('a partition of topology flapping needs of=…: the topology that comes and goes');
  }
  for (const name of ['of', 'period']) {
    if (!isFlapping && Object.hasOwn(spec.parameters, name)) {
      throw new UsageError(`a partition of topology ${asked} takes no parameter "${name}"; topology flapping does`);
    }
  }
  const also = values.names('also');
  const wrong = also?.find((end) => end !== 'clients' && end !== 'monitoring');
  if (wrong !== undefined) {
    throw new UsageError(`also cannot name ${wrong}${didYouMean(wrong, ['clients', 'monitoring'])}`);
  }
  const name = (isFlapping ? of : asked) as PartitionTopology;
  if (monitoring === undefined && (name === 'monitoring' || also?.includes('monitoring'))) {
    throw new UsageError('the testnet has no monitoring that could be cut off');
  }
  const request = {
    topology: name,
    nodes: nodes.map((node) => ({ name: node.name, power: node.votingPower })),
    targets: spec.targets,
    rule: quorum,
    groups: values.text('groups'),
    also,
  };
  const cuts = cutFlows(request);
  requireNamedProperty(request, cuts);
  const flapMs = isFlapping ? values.number('period') : undefined;
  return {
    cuts,
    actions: cutActions(cuts, nodes, spec.targets),
    ...(flapMs === undefined ? {} : { flapMs }),
  };
}

function requireNode(name: string, { testnet, nodes }: FaultTestnet['topology']): TopologyNode {
  const found = nodes.find((node) => node.name === name);
  if (found) return found;
  const names = nodes.map((node) => node.name);
  throw new UsageError(`${testnet} has no node ${name}${didYouMean(name, names)}`, {
    details: { node: name, testnet },
  });
}

function monitoringNode(
  name: 'prometheus' | 'alertmanager',
  { testnet, monitoring }: FaultTestnet['topology'],
): TopologyNode {
  if (!monitoring) throw new UsageError(`${testnet} has no monitoring: there is no ${name} to take away`);
  return bareNode(name);
}
