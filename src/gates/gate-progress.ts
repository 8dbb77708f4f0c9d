/** The phases of a gate after a change, in order. */
export type GatePhase = 'identity' | 'settle' | 'observe';

/** How far a gate is after one slot, for people who watch. */
export interface GateProgress {
  nodes: readonly string[];
  phase: string;
  /** Slots counted so far. */
  slot: number;
  summary: string;
}
