import { z } from 'zod';
import type { RunRecord } from './records.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hex');

const envelope = {
  seq: z.int().nonnegative(),
  at: z.iso.datetime(),
  monoMs: z.number().nonnegative(),
  prev: hash,
};

const loadSummary = z.looseObject({
  sent: z.number(),
  acknowledged: z.number(),
  rejected: z.number(),
  unknown: z.number(),
  lost: z.number(),
  duplicated: z.number(),
  unchecked: z.number(),
});

const nodes = z.array(z.looseObject({ node: z.string(), version: z.string(), digest: z.string() }));

const step = { step: z.string() };
const fault = { ...step, fault: z.string() };
const leases = z.array(z.looseObject({ id: z.string(), node: z.string(), kind: z.string(), ttlMs: z.number() }));

/** What readers rely on, by type of event. Fields that are not named here, and types that are not, belong to later versions and pass. */
const knownEvents: Record<string, z.ZodType> = {
  'run.started': z.looseObject({
    runId: z.string(),
    testnet: z.string(),
    runbook: z.string(),
    planHash: z.string(),
    plan: z.looseObject({ steps: z.array(z.looseObject({ id: z.string(), nodes: z.array(z.string()) })) }),
    before: nodes,
  }),
  'step.started': z.looseObject(step),
  'step.done': z.looseObject(step),
  'step.refused': z.looseObject({ ...step, reason: z.string() }),
  'contract.seen': z.looseObject({ nodes: z.array(z.string()), evidence: z.string() }),
  intent: z.looseObject({ ...step, node: z.string(), action: z.string(), toVersion: z.string() }),
  done: z.looseObject({ ...step, node: z.string(), action: z.string(), version: z.string() }),
  'gate.started': z.looseObject({ gate: z.string(), nodes: z.array(z.string()), profile: z.string() }),
  'gate.phase': z.looseObject({ gate: z.string(), phase: z.string() }),
  'gate.verdict': z.looseObject({
    gate: z.string(),
    nodes: z.array(z.string()),
    verdict: z.looseObject({
      kind: z.string(),
      reason: z.string(),
      checks: z.array(z.looseObject({ check: z.string(), node: z.string(), slots: z.string() })),
    }),
  }),
  'gate.segment': z.looseObject({ gate: z.string(), index: z.int().nonnegative(), evidence: z.string() }),
  'guard.failed': z.looseObject({ node: z.string(), check: z.string(), reason: z.string() }),
  'rollback.started': z.looseObject({ reason: z.string(), nodes: z.array(z.string()) }),
  'load.started': z.looseObject({ perSecond: z.number() }),
  'load.finished': z.looseObject({ summary: loadSummary }),
  'fault.intent': z.looseObject({ ...fault, impaired: z.array(z.string()), leases }),
  'fault.armed': z.looseObject({ ...fault, leases }),
  'fault.injected': z.looseObject(fault),
  'fault.verified': z.looseObject({ ...fault, verifiedMs: z.number() }),
  'fault.lost': z.looseObject({ ...fault, node: z.string() }),
  'fault.void': z.looseObject({ ...fault, reason: z.string() }),
  'fault.healing': z.looseObject({ ...fault, because: z.string() }),
  'fault.healed': z.looseObject({ ...fault, healMs: z.number() }),
  'fault.heal-verified': z.looseObject({ ...fault, healVerifiedMs: z.number() }),
  note: z.looseObject({ level: z.string(), text: z.string() }),
  'run.finished': z.looseObject({ outcome: z.string(), exitCode: z.int(), after: nodes }),
};

const anyRecord = z.looseObject({ ...envelope, type: z.string().min(1) });

/** A parsed line as a record, or a sentence saying what is wrong with it. */
export function checkRecord(value: unknown): { record: RunRecord } | { problem: string } {
  const outer = anyRecord.safeParse(value);
  if (!outer.success) return { problem: describe(outer.error) };
  const inner = knownEvents[outer.data.type]?.safeParse(value);
  if (inner?.success === false) return { problem: `${outer.data.type}: ${describe(inner.error)}` };
  // The schema is looser than the type on purpose: fields and events that a newer build has added are kept.
  return { record: outer.data as unknown as RunRecord };
}

function describe(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'record'}: ${issue.message}`).join('; ');
}
