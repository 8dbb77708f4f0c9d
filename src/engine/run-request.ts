/** What was decided on a step of a plan. */
export interface Decision {
  kind: 'decide';
  by: string;
  step: string;
  planHash: string;
  decision: 'approved' | 'rejected';
  /** Wall time in ms at which it was made; without it a decision that is found after its deadline came too late. */
  atMs?: number;
}

/** What an operator can ask of a run that goes on in another process. */
export type RunRequest = { kind: 'pause' | 'continue' | 'abort'; by: string } | Decision;

/** A request as it was read from a file; undefined when it is none. */
export function requestFrom(value: unknown): RunRequest | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, by, step, planHash, decision, atMs } = value as Record<string, unknown>;
  if (typeof by !== 'string') return undefined;
  if (kind === 'pause' || kind === 'continue' || kind === 'abort') return { kind, by };
  if (kind !== 'decide' || typeof step !== 'string' || typeof planHash !== 'string') return undefined;
  if (decision !== 'approved' && decision !== 'rejected') return undefined;
  return { kind, by, step, planHash, decision, ...(typeof atMs === 'number' && { atMs }) };
}
