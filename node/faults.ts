import { EarlyAcknowledgement } from './early-acknowledgement.ts';
import { Equivocator } from './equivocator.ts';
import type { FaultKind } from './fault-kinds.ts';
import { forgetLatest } from './forget.ts';
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
  readonly failsRequest: ((route: string, hasTss: boolean) => boolean) | null;
  /** How late it hears its peers, and answers its clients. */
  readonly delays: { readonly peersMs: number; readonly answersMs: number } | null;
  /** Whether it calls itself unwell now. */
  readonly isUnwell: ((uptimeMs: number) => boolean) | null;
  /** Ends by itself after this time. */
  readonly endsAfterMs: number | null;
  /** Begins to lose memory; the result stops it. */
  readonly leak: (() => () => void) | null;
  readonly refusesOldData: boolean;
  /** What is signed as share in place of the right message: null for no share at all. */
  readonly distortShare: ((height: number, message: string) => string | null) | null;
  readonly equivocator: ((self: Omit<ConstructorParameters<typeof Equivocator>[0], 'awayMs'>) => Equivocator) | null;
  readonly earlyAcknowledgement:
    ((node: ConstructorParameters<typeof EarlyAcknowledgement>[0]) => EarlyAcknowledgement) | null;
  /** Spoils the data before it is opened. */
  readonly forget: ((dataFolder: string) => void) | null;
}

const failingShare = 0.3;
const wrongShareEvery = 10;
const flap = { periodMs: 10_000, unwellFromMs: 4000, unwellToMs: 7000 };
const leakStep = { everyMs: 250, bytes: 1024 * 1024 };
/** Enough for every alarm, and not the end of the machine. */
const maxLeakSteps = 1024;
/** Longer than a restart takes: a rolling upgrade goes well. */
const equivocatesAfterAwayMs = 2000;
const forgottenBlocks = 20;

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
    failsRequest:
      is('http-errors') || is('tss-misbehaves')
        ? (route, hasTss) => {
            if (is('tss-misbehaves') && !hasTss) return false;
            const count = (requests.get(route) ?? 0) + 1;
            requests.set(route, count);
            return route !== '/metrics' && Math.floor(count * failingShare) > Math.floor((count - 1) * failingShare);
          }
        : null,
    // Below the deadline after which block sync asks somebody else: it lags, and is not lost.
    delays: is('slow') ? { peersMs: 800, answersMs: 500 } : null,
    isUnwell: is('flapping')
      ? (uptimeMs) => {
          const atMs = uptimeMs % flap.periodMs;
          return atMs >= flap.unwellFromMs && atMs < flap.unwellToMs;
        }
      : null,
    endsAfterMs: is('restarting') ? 5000 : null,
    leak: is('leaking') ? leakMemory : null,
    refusesOldData: is('refuses-old-data'),
    distortShare: is('tss-without-effect')
      ? () => null
      : is('tss-misbehaves')
        ? (height, message) => (height % wrongShareEvery === 0 ? `${message} or so` : message)
        : null,
    equivocator: is('votes-twice') ? (self) => new Equivocator({ ...self, awayMs: equivocatesAfterAwayMs }) : null,
    earlyAcknowledgement: is('acks-before-fsync') ? (node) => new EarlyAcknowledgement(node) : null,
    forget: is('forgets-after-restart') ? (dataFolder) => forgetLatest(dataFolder, forgottenBlocks) : null,
  };
}

function leakMemory(): () => void {
  const lost: Buffer[] = [];
  const timer = setInterval(() => {
    // Filled, so that the pages are really taken.
    if (lost.length < maxLeakSteps) lost.push(Buffer.alloc(leakStep.bytes, 1));
  }, leakStep.everyMs);
  return () => clearInterval(timer);
}
