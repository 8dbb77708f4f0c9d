import type { FaultKind } from './fault-kinds.ts';
import { sha256 } from './keys.ts';

/** Where a bad release departs from a clean one. */
export interface FaultHooks {
  readonly exitsAtStart: boolean;
  /** /health never says ok. */
  readonly neverReady: boolean;
  /** Neither votes nor commits nor catches up. */
  readonly takesNoPart: boolean;
  readonly claimedVersion: string | null;
  /** The app hash this node believes in, given the right one. */
  readonly distortAppHash: ((startHeight: number, id: string) => (height: number, appHash: string) => string) | null;
  /** Whether this request is to fail. */
  readonly failsRequest: ((route: string) => boolean) | null;
}

const failingShare = 0.3;

export function faultHooks(kind: string, appHashOffset: number, claim: string): FaultHooks {
  const is = (name: FaultKind): boolean => kind === name;
  const requests = new Map<string, number>();
  return {
    exitsAtStart: is('exits-at-start'),
    neverReady: is('never-ready'),
    takesNoPart: is('never-ready') || is('never-commits'),
    claimedVersion: is('lies-about-version') ? claim : null,
    distortAppHash: is('wrong-app-hash')
      ? (startHeight, id) => (height, appHash) =>
          height < startHeight + appHashOffset ? appHash : sha256(`${appHash} as computed by ${id}`)
      : null,
    // Evenly spread instead of random: every window of requests of a route sees its share.
    failsRequest: is('http-errors')
      ? (route) => {
          const count = (requests.get(route) ?? 0) + 1;
          requests.set(route, count);
          return route !== '/metrics' && Math.floor(count * failingShare) > Math.floor((count - 1) * failingShare);
        }
      : null,
  };
}
