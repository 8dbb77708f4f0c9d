import type { Plan, RunRecord } from '../journal/records.ts';

type Verdict = Extract<RunRecord, { type: 'gate.verdict' }>;

/** Whether the plan asks for a gate that says it cannot tell, and this is its verdict. */
export function isHeldAsPlanned(plan: Plan | undefined, { step, verdict }: Verdict): boolean {
  const isHeld = plan?.steps.some(({ id, kind }) => id === step && kind === 'held-gate') ?? false;
  return isHeld && verdict.kind !== 'FAIL';
}

/** Whether a run may pass with this verdict: a drill may ask for a gate that holds, or for one that fails and is answered. */
export function isWantedVerdict(plan: Plan | undefined, record: Verdict): boolean {
  if (record.verdict.kind === 'PASS' || isHeldAsPlanned(plan, record)) return true;
  return plan?.drill?.expects === 'rolled-back' && record.verdict.kind === 'FAIL';
}
