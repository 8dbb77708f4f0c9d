import type { FaultActionKind, PairProbe } from '../lab/faults.ts';

/** Something that happened in the life of one fault, as it is to be journalled. `fault` is `CompiledFault.id`. */
export type FaultEvent =
  /** Every dead-man was seen to count; nothing is disturbed yet. */
  | { type: 'fault.armed'; fault: string; leases: { id: string; node: string; kind: FaultActionKind; ttlMs: number }[] }
  | { type: 'fault.injected'; fault: string; injectMs: number }
  /** Its effect was shown. `effects`: what each lease showed, by its id; `pairs`: the matrix that was seen. */
  | {
      type: 'fault.verified';
      fault: string;
      verifiedMs: number;
      effects: Record<string, Record<string, number | string>>;
      pairs: PairProbe[];
    }
  /** A lease acts no more though nobody healed it. */
  | { type: 'fault.lost'; fault: string; lease: string; node: string; detail: string }
  /** The effect could not be shown, or not any longer: what was measured under it is neither pass nor fail. Written before it is healed. */
  | { type: 'fault.void'; fault: string; reason: string }
  | { type: 'fault.healed'; fault: string; healMs: number; heldMs: number; looks: number }
  | { type: 'fault.heal-verified'; fault: string; healVerifiedMs: number; pairs: PairProbe[] };
