import { createBreaker, type Breaker, type BreakerOptions, type BreakerSnapshot, type CallClass } from './breaker.ts';
import type { Clock } from './clock.ts';

/** The breakers of a run, one per host and class of call, each made when it is first asked for. */
export interface BreakerSet {
  get(host: string, callClass: CallClass): Breaker;
  /** Planned downtime of a host (for all classes, also those first used later) until the returned function is called. */
  exclude(host: string): () => void;
  /** In the order of host and class; equal states give equal lists. */
  snapshot(): BreakerSnapshot[];
  /** Goes on from what was kept with the run. */
  restore(snapshots: readonly BreakerSnapshot[]): void;
}

interface BreakerSetInputs {
  clock: Clock;
  random: () => number;
  /** Options by class. */
  options?: Partial<Record<CallClass, BreakerOptions>>;
  /** Told after every change of a breaker's state. Must not throw. */
  onChange?: (snapshot: BreakerSnapshot) => void;
}

/** Makes an empty set. */
export function createBreakerSet({ clock, random, options = {}, onChange }: BreakerSetInputs): BreakerSet {
  const breakers = new Map<string, Breaker>();
  const excluded = new Map<symbol, { host: string; ends: (() => void)[] }>();

  const get = (host: string, callClass: CallClass): Breaker => {
    const key = `${callClass} ${host}`;
    const known = breakers.get(key);
    if (known) return known;
    const own = options[callClass];
    const breaker = createBreaker({ clock, random, host, callClass, onChange, ...(own && { options: own }) });
    breakers.set(key, breaker);
    for (const exclusion of excluded.values()) if (exclusion.host === host) exclusion.ends.push(breaker.suspend());
    return breaker;
  };

  return {
    get,
    exclude(host) {
      const key = Symbol(host);
      const ends = [...breakers.values()]
        .filter((breaker) => breaker.host === host)
        .map((breaker) => breaker.suspend());
      excluded.set(key, { host, ends });
      return () => {
        for (const end of excluded.get(key)?.ends ?? []) end();
        excluded.delete(key);
      };
    },
    snapshot: () =>
      [...breakers.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, breaker]) => breaker.snapshot()),
    restore(snapshots) {
      for (const snapshot of snapshots) get(snapshot.host, snapshot.callClass).restore(snapshot);
    },
  };
}
