import type { SystemProfile } from '../spec/profile.ts';

/**
 * What of a profile a verdict depends on, as data: everything but its functions. Stored with the evidence, so that a profile that is
 * edited later changes no verdict of before. Of functions it is kept that they are there, of `progress.minPeers` what it gave.
 */
export interface JudgedSystem {
  /** See `judgingRules`. */
  rules: number;
  /** The profile's plain fields. */
  fields: Record<string, unknown>;
  /** Names of its functions. */
  functions: string[];
  /** Wanted peers by number of nodes, from 0. */
  minPeers?: number[];
}

/**
 * To be raised whenever equal readings lead to other samples or to another decision than before, a new check of the gate's own among
 * them: a run of other rules is still read, but that its verdicts come out differently then says nothing against it.
 */
export const judgingRules = 1;

/** Fields that no check reads. */
const irrelevant = new Set(['roles', 'runtime', 'stop', 'alertRules', 'panels', 'title', 'toggles']);

/** `nodeCount`: nodes of the network. */
export function judgedSystemOf(profile: SystemProfile, nodeCount: number): JudgedSystem {
  const fields: Record<string, unknown> = {};
  const functions: string[] = [];
  for (const [name, value] of Object.entries(profile)) {
    if (irrelevant.has(name)) continue;
    if (typeof value === 'function') functions.push(name);
    else if (value !== undefined) fields[name] = JSON.parse(JSON.stringify(value)) as unknown;
  }
  const { progress } = profile;
  if (!progress) return { rules: judgingRules, fields, functions };
  const minPeers = Array.from({ length: nodeCount + 1 }, (_, count) => progress.minPeers(count));
  return { rules: judgingRules, fields, functions, minPeers };
}

/** A profile that judges as the stored one did. It cannot talk to nodes. */
export function profileOf({ fields, functions, minPeers }: JudgedSystem): SystemProfile {
  const profile: Record<string, unknown> = { ...structuredClone(fields) };
  for (const name of functions) {
    profile[name] = () => {
      throw new Error(`a profile that was read from evidence has no ${name}`);
    };
  }
  if (minPeers) {
    profile.progress = { ...(fields.progress as object), minPeers: (count: number) => minPeers[count] ?? 0 };
  }
  return profile as unknown as SystemProfile;
}
