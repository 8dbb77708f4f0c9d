import type { FaultLease } from '../lab/faults.ts';
import { catalogue } from './catalogue.ts';
import type { ExpectedPair } from './compiled-fault.ts';
import type { FaultSpec } from './fault-spec.ts';
import { flowSet, type CutFlow } from './reachability.ts';

interface ExpectedPairsRequest {
  spec: FaultSpec;
  names: readonly string[];
  cuts: readonly CutFlow[];
  leases: readonly FaultLease[];
  out: readonly string[];
}

/** A round trip may be measured a little shorter than its delays add up to. */
const LEAST_SHARE_OF_DELAY = 0.9;
const ANY = { fresh: 'any', established: 'any' } as const;
const OK = { fresh: 'ok', established: 'ok' } as const;

/** What must be seen of every ordered pair of nodes while the fault acts. */
export function expectedPairs({ spec, names, cuts, leases, out }: ExpectedPairsRequest): ExpectedPair[] {
  const cut = flowSet(cuts);
  const isAboutPairs = ['cut', 'shape', 'dns', 'monitoring-gone'].includes(catalogue[spec.kind].action);
  const unsure = new Set([...out, ...(isAboutPairs ? [] : spec.targets)]);
  const delays = new Map<string, number>();
  const disturbed = new Set<string>();
  for (const { node, action } of leases) {
    if (action.kind === 'shape') {
      for (const { peer, delayMs = 0, jitterMs = 0, lossShare, bitsPerSecond } of action.rules) {
        delays.set(key(node.name, peer), (delayMs - jitterMs) * LEAST_SHARE_OF_DELAY);
        if (lossShare !== undefined || bitsPerSecond !== undefined) disturbed.add(key(node.name, peer));
      }
    }
    // The ports of a rule may be those by which pairs are looked at, or not.
    if (action.kind === 'cut' && action.rules.some(({ ports }) => ports)) {
      for (const { peer } of action.rules) disturbed.add(key(peer, node.name));
    }
  }

  return names.flatMap((from) => names.filter((to) => to !== from).map((to) => ({ from, to, ...expected(from, to) })));

  function expected(from: string, to: string): Omit<ExpectedPair, 'from' | 'to'> {
    const isDisturbed = disturbed.has(key(from, to)) || disturbed.has(key(to, from));
    if (unsure.has(from) || unsure.has(to) || isDisturbed) return ANY;
    if (cut.has(from, to)) return { fresh: 'blocked', established: 'blocked' };
    // Without acknowledgements a stream may go on for a while, and a new connection cannot be made.
    if (cut.has(to, from)) return { fresh: 'blocked', established: 'any' };
    const minRoundTripMs = (delays.get(key(from, to)) ?? 0) + (delays.get(key(to, from)) ?? 0);
    return minRoundTripMs > 0 ? { ...OK, minRoundTripMs } : OK;
  }
}

function key(from: string, to: string): string {
  return `${from}\n${to}`;
}
