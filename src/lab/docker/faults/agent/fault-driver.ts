/** How one kind of fault is done and undone. `Before` is plain data: what the undo needs, written down before the deed. */
export interface FaultDriver<Before = unknown> {
  /** Rejects when the fault cannot be done to the target as it is. */
  before(): Promise<Before>;
  /** Succeeds when it is done already. `remainingMs`: how long it is to act at most. */
  inject(before: Before, remainingMs: number): Promise<void>;
  /** For what has a time limit of its own besides the agent's. */
  extend?(remainingMs: number): Promise<void>;
  /** Whether what was done is still there, and what it shows. */
  look(before: Before): Promise<{ isThere: boolean; effect: Record<string, number | string>; detail?: string }>;
  /** Removes exactly what was done; succeeds when it is gone, or when its target is. */
  undo(before: Before): Promise<void>;
}
