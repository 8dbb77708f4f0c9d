import type { GateProfileName } from '../spec/testnet.ts';

/** The timings of a gate. Plain data: stored with the evidence, so that a verdict can be recomputed. */
export interface GateProfile {
  name: GateProfileName;
  /** Distance of two slots. */
  intervalMs: number;
  /** Length of the sliding window in slots; all percentages are of this number. */
  windowSlots: number;
  /** Slots that must have been seen before a gate may pass. Equal to windowSlots, in a short preflight to tailSlots. */
  fullSlots: number;
  /** The newest slots of the window, which must all be OK. */
  tailSlots: number;
  /** Time after the identity was seen in which samples are discarded. */
  settleMs: number;
  /** From the start of the gate; nothing extends it. */
  deadlineMs: number;
  /** So many UNKNOWN slots of one check in a row put the gate on hold. */
  holdSlots: number;
  /** Too short to prove much; verdicts and reports say so. */
  isWeak: boolean;
}

interface Timings {
  intervalMs: number;
  windowMs: number;
  tailMs: number;
  settleMs: number;
  deadlineMs: (windowMs: number) => number;
  isWeak: boolean;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

const timings: Record<GateProfileName, Timings> = {
  smoke: {
    intervalMs: 500,
    windowMs: 4 * second,
    tailMs: 2 * second,
    settleMs: second,
    deadlineMs: () => 30 * second,
    isWeak: true,
  },
  quick: {
    intervalMs: second,
    windowMs: 15 * second,
    tailMs: 5 * second,
    settleMs: 2 * second,
    deadlineMs: () => 90 * second,
    isWeak: true,
  },
  standard: {
    intervalMs: 5 * second,
    windowMs: 300 * second,
    tailMs: minute,
    settleMs: 30 * second,
    deadlineMs: () => 15 * minute,
    isWeak: false,
  },
  soak: {
    intervalMs: 5 * second,
    windowMs: 6 * hour,
    tailMs: 10 * minute,
    settleMs: 30 * second,
    deadlineMs: (windowMs) => windowMs + Math.ceil(windowMs / 10),
    isWeak: false,
  },
};

export interface GateProfileOptions {
  /** Length of the window in ms, for `soak` (hours to 7 days). Default: the profile's own; soak 6 h. */
  windowMs?: number;
}

/** The gate profile of this name. */
export function gateProfile(name: GateProfileName, options: GateProfileOptions = {}): GateProfile {
  const { intervalMs, tailMs, settleMs, deadlineMs, isWeak, ...own } = timings[name];
  const windowMs = options.windowMs ?? own.windowMs;
  const windowSlots = Math.round(windowMs / intervalMs);
  // max(4 slots, 20 s); smoke is shorter than 20 s as a whole and holds after 4 slots.
  const holdSlots = name === 'smoke' ? 4 : Math.max(4, Math.ceil((20 * second) / intervalMs));
  return {
    name,
    intervalMs,
    windowSlots,
    fullSlots: windowSlots,
    tailSlots: Math.round(tailMs / intervalMs),
    settleMs,
    deadlineMs: deadlineMs(windowMs),
    holdSlots,
    isWeak,
  };
}

/** Prometheus scrapes as often as the gate looks, but not more than once a second. */
export function scrapeIntervalMs(profile: GateProfile): number {
  return Math.max(second, profile.intervalMs);
}

/** Prometheus is asked for the past, so that the scrape has certainly been stored. */
export function prometheusOffsetMs(profile: GateProfile): number {
  return scrapeIntervalMs(profile) + second;
}

/** With checks that ask Prometheus the first slot after settling must lie behind a scrape of the new start. */
export function settleMsFor(profile: GateProfile, asksPrometheus: boolean): number {
  return asksPrometheus
    ? Math.max(profile.settleMs, prometheusOffsetMs(profile) + scrapeIntervalMs(profile))
    : profile.settleMs;
}

/**
 * The preflight's rules: nothing was changed, so nothing has to settle. Weak profiles and soak pass after one clean tail;
 * standard after its whole window. Percentages stay those of the whole window.
 */
export function preflightProfile(profile: GateProfile): GateProfile {
  const isShort = profile.isWeak || profile.name === 'soak';
  return { ...profile, settleMs: 0, fullSlots: isShort ? profile.tailSlots : profile.windowSlots };
}

/** The same gate with a longer window; its deadline is a tenth of it more than its own. A shorter one changes nothing. */
export function soakProfile(profile: GateProfile, soakMs: number): GateProfile {
  const windowSlots = Math.max(profile.windowSlots, Math.round(soakMs / profile.intervalMs));
  const moreMs = (windowSlots - profile.windowSlots) * profile.intervalMs;
  const deadlineMs = profile.deadlineMs + moreMs + Math.ceil(moreMs / 10);
  return { ...profile, windowSlots, fullSlots: windowSlots, deadlineMs, isWeak: profile.isWeak && moreMs === 0 };
}
