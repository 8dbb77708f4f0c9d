import type { GateVerdict } from '../verdict.ts';
import type { BadWorld } from './bad-world.ts';

/** How one check stood up to one bad world. */
export interface ShownWorld {
  world: string;
  title: string;
  kind: BadWorld['kind'];
  /** Nodes that were altered. */
  nodes: readonly string[];
  /** The worst that the check said on any of these nodes: it must have turned on all of them. */
  outcome: 'BAD' | 'UNKNOWN' | 'OK' | 'not-makeable' | 'not-shown';
  /** Slots until it had turned on every node; absent when it did not. */
  slots?: number;
  allowedSlots: number;
  isTurned: boolean;
  /** What the check said, or why the world could not be shown. */
  detail?: string;
}

export interface CheckProof {
  check: string;
  advisory: boolean;
  /** It turned in every world that was made for it, and one of them did harm. */
  isProven: boolean;
  /** Why not. */
  reason?: string;
  worlds: ShownWorld[];
}

export interface GateProof {
  testnet: string;
  gate: string;
  slotMs: number;
  /** `inconclusive`: the testnet as it is does not pass, or a world could not be shown, so nothing is proven either way. */
  verdict: 'proven' | 'not-proven' | 'inconclusive';
  /** A sentence. */
  reason: string;
  /** How the gate judges the testnet as it is. */
  unaltered: GateVerdict;
  checks: CheckProof[];
  /** What a gate on this testnet cannot look at, and why. */
  leftOut: { name: string; reason: string }[];
}

/** What the showings of a check come to. */
export function proofOf(check: string, advisory: boolean, worlds: ShownWorld[], withoutHarm: string): CheckProof {
  const reason = reasonAgainst(worlds, withoutHarm);
  return { check, advisory, isProven: reason === undefined, ...(reason === undefined ? {} : { reason }), worlds };
}

function reasonAgainst(worlds: readonly ShownWorld[], withoutHarm: string): string | undefined {
  if (!worlds.some(({ kind }) => kind === 'harm')) return `no bad world can turn it BAD: ${withoutHarm}`;
  const stays = worlds.find(({ isTurned }) => !isTurned);
  if (!stays) return undefined;
  const { world, outcome, detail, allowedSlots } = stays;
  if (outcome === 'not-makeable') return `${world} cannot be made of what the testnet exposes: ${detail ?? ''}`;
  if (outcome === 'not-shown') return `${world} could not be shown: ${detail ?? ''}`;
  return `in ${world} it was ${outcome} for ${allowedSlots} slots`;
}
