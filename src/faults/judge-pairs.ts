import type { PairProbe } from '../lab/faults.ts';
import type { CompiledFault, ExpectedPair } from './compiled-fault.ts';

/** What differs from what must be seen, one sentence for each pair. Pure; a pair that was not looked at differs. */
export function judgePairs(expected: readonly ExpectedPair[], probes: readonly PairProbe[]): string[] {
  const seen = new Map(probes.map((probe) => [`${probe.from}\n${probe.to}`, probe]));
  return expected.flatMap((pair) => {
    const { from, to, fresh, established, minRoundTripMs } = pair;
    if (fresh === 'any' && established === 'any') return [];
    const probe = seen.get(`${from}\n${to}`);
    if (!probe) return [`${from} → ${to} was not looked at`];
    const because = probe.detail === undefined ? '' : ` (${probe.detail})`;
    const wrong: string[] = [];
    if (fresh !== 'any' && probe.fresh !== fresh) wrong.push(`new connections are ${shown(probe.fresh)}`);
    if (established !== 'any' && probe.established !== established)
      wrong.push(`open ones are ${shown(probe.established)}`);
    if (minRoundTripMs !== undefined && (probe.roundTripMs ?? 0) < minRoundTripMs) {
      const took = probe.roundTripMs === undefined ? 'not known' : `${probe.roundTripMs.toFixed(1)} ms`;
      wrong.push(`its round trip is ${took}, and at least ${minRoundTripMs.toFixed(1)} ms is meant`);
    }
    return wrong.length > 0 ? [`${from} → ${to}: ${wrong.join(' and ')}${because}`] : [];
  });
}

function shown(state: PairProbe['fresh']): string {
  return { ok: 'not blocked', blocked: 'blocked', unknown: 'not known' }[state];
}

/** What must be seen of all pairs while some faults act together and some nodes are down. */
export function togetherExpected(
  names: readonly string[],
  faults: readonly CompiledFault[],
  down: readonly string[],
): ExpectedPair[] {
  const byPair = new Map<string, ExpectedPair[]>();
  for (const pair of faults.flatMap(({ expected }) => expected)) {
    const key = `${pair.from}\n${pair.to}`;
    byPair.set(key, [...(byPair.get(key) ?? []), pair]);
  }
  return names.flatMap((from) =>
    names
      .filter((to) => to !== from)
      .map((to): ExpectedPair => {
        if (down.includes(from) || down.includes(to)) return { from, to, fresh: 'any', established: 'any' };
        const all = byPair.get(`${from}\n${to}`) ?? [];
        const least = all.reduce((sum, { minRoundTripMs = 0 }) => sum + minRoundTripMs, 0);
        return {
          from,
          to,
          fresh: together(all.map(({ fresh }) => fresh)),
          established: together(all.map(({ established }) => established)),
          ...(least > 0 ? { minRoundTripMs: least } : {}),
        };
      }),
  );
}

function together(states: readonly ExpectedPair['fresh'][]): ExpectedPair['fresh'] {
  return states.includes('blocked') ? 'blocked' : states.includes('any') ? 'any' : 'ok';
}
