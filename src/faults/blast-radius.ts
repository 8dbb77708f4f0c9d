import { RefusedError } from '../core/errors.ts';
import type { Topology } from '../topology/topology.ts';
import { catalogue } from './catalogue.ts';
import type { CompiledFault } from './compiled-fault.ts';
import type { ParameterValues } from './parameter-values.ts';

/** The most that faults may touch. Default: no limit but that of the quorum. */
export interface FaultLimits {
  maxNodes?: number;
  maxPower?: number;
}

interface LimitsRequest {
  topology: Pick<Topology, 'nodes' | 'availability'>;
  /** Nodes that do no work while it acts. */
  taken: readonly string[];
  limits: FaultLimits;
  values: ParameterValues;
}

/**
 * Refuses a fault that is larger than was allowed. Nodes that count: those that it is aimed at, and of a partition those outside the
 * heaviest group that is left.
 */
export function requireWithinLimits(fault: CompiledFault, { topology, taken, limits, values }: LimitsRequest): void {
  const { spec, quorum, leases } = fault;
  const { kind } = spec;
  const refuse = (why: string, details: Record<string, unknown>): never => {
    throw new RefusedError('unsafe', `${kind} is refused: ${why}`, { details: { kind, ...details } });
  };
  const powerOf = (names: readonly string[]): number =>
    topology.nodes.reduce((sum, { name, votingPower }) => (names.includes(name) ? sum + votingPower : sum), 0);

  const heaviest = quorum.groups[0]?.nodes ?? [];
  const touched = topology.nodes
    .map(({ name }) => name)
    .filter((name) => (kind === 'partition' ? isApart(name) : spec.targets.includes(name)));
  const power = powerOf(touched);
  const { maxNodes = Infinity, maxPower = Infinity } = limits;
  if (touched.length > maxNodes) {
    refuse(`it touches ${touched.length} nodes (${touched.join(', ')}), and at most ${maxNodes} may be touched`, {
      touched,
    });
  }
  if (power > maxPower) {
    refuse(`it touches a voting power of ${power} (${touched.join(', ')}), and at most ${maxPower} may be touched`, {
      touched,
      power,
    });
  }

  const reasons: string[] = [];
  const mayHalt = topology.availability === 'halt-allowed' || values.text('halt') === 'allowed';
  if (quorum.outcome !== 'goes-on' && !mayHalt) {
    const left = heaviest.length === 0 ? 'no node' : `${heaviest.join(', ')} with ${quorum.groups[0]?.power ?? 0}`;
    const how = quorum.outcome === 'halts' ? 'is all that is left together' : 'has a quorum only through others';
    reasons.push(
      `${left} of ${quorum.totalPower} voting power ${how}, and ${quorum.neededPower} is needed (${quorum.rule}), so that the system ` +
        `${quorum.outcome === 'halts' ? 'would halt' : 'may halt'}; halt=allowed lets it, and so does "availability: halt-allowed" in the testnet file`,
    );
  }
  if (catalogue[kind].costsData && values.text('data-loss') !== 'allowed') {
    const kept = topology.nodes.map(({ name }) => name).filter((name) => !taken.includes(name));
    if (kept.length === 0 || powerOf(kept) < quorum.neededPower) {
      reasons.push(
        `only ${powerOf(kept)} of ${quorum.totalPower} voting power keeps its data, and what was acknowledged may be lost for good; ` +
          'data-loss=allowed lets it',
      );
    }
  }
  if (reasons.length > 0) refuse(reasons.join('; and '), { outcome: quorum.outcome, touched, power });

  /** Whether a partition leaves the node outside the largest group, or acts on it without cutting nodes from each other. */
  function isApart(name: string): boolean {
    if (quorum.groups.length > 1) return !heaviest.includes(name);
    return leases.some(({ node }) => node.name === name);
  }
}
