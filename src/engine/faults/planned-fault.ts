import type { CompiledFault, ExpectedPair } from '../../faults/compiled-fault.ts';
import type { ArmedLease, PlannedFault, PlannedReach } from '../../journal/fault-records.ts';

const signs = { ok: 'o', blocked: 'x', any: '?' } as const;

/** What a plan says of a fault, and its hash covers. */
export function plannedFault(fault: CompiledFault, nodes: readonly string[], out: readonly string[]): PlannedFault {
  const { spec, leases, expected, cutFromClients, flapMs, quorum, sentences } = fault;
  const { rule, nodeCount, totalPower, neededPower, groups, oneWayPairs, outcome } = quorum;
  return {
    kind: spec.kind,
    targets: [...spec.targets],
    parameters: { ...spec.parameters },
    durationMs: spec.durationMs,
    out: [...out],
    leases: leases.map(({ id, node, action, ttlMs }) => ({ id, node: node.name, action: { ...action }, ttlMs })),
    reach: nodes.map((from) =>
      reachOf(
        from,
        nodes,
        expected.filter((pair) => pair.from === from),
      ),
    ),
    cutFromClients,
    ...(flapMs !== undefined && { flapMs }),
    nodeCount,
    rule,
    totalPower,
    neededPower,
    groups,
    oneWayPairs,
    outcome,
    impaired: impairedNodes(fault, nodes).filter((node) => !out.includes(node)),
    sentences,
  };
}

/** Nodes that the fault stops, or cuts off from every quorum. */
export function impairedNodes({ quorum }: CompiledFault, nodes: readonly string[]): string[] {
  const working = new Set(quorum.groups.flatMap((group) => group.nodes));
  const seeing = new Set(quorum.seeQuorum);
  return nodes.filter((node) => !working.has(node) || !seeing.has(node));
}

/** Its leases as records name them. */
export function armedLeases({ leases }: CompiledFault): ArmedLease[] {
  return leases.map(({ id, node, action, ttlMs }) => ({ id, node: node.name, kind: action.kind, ttlMs }));
}

function reachOf(from: string, nodes: readonly string[], pairs: readonly ExpectedPair[]): PlannedReach {
  const to = new Map(pairs.map((pair) => [pair.to, pair]));
  const line = (what: 'fresh' | 'established'): string =>
    nodes.map((node) => (node === from ? '-' : signs[to.get(node)?.[what] ?? 'any'])).join('');
  const slow = pairs.flatMap(({ to: node, minRoundTripMs }) =>
    minRoundTripMs === undefined ? [] : [[node, minRoundTripMs] as const],
  );
  const [fresh, established] = [line('fresh'), line('established')];
  return {
    from,
    fresh,
    ...(established !== fresh && { established }),
    ...(slow.length > 0 && { minRoundTripMs: Object.fromEntries(slow) }),
  };
}
