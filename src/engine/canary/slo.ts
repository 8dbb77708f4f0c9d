import { createSloJudge, type SloSlot } from '../../gates/slo/slo-judge.ts';
import { storeEvidence } from '../../journal/evidence.ts';
import type { PlanStep } from '../../journal/records.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import { Measurements } from './measurements.ts';

/** The judge wants at least 336 slots of a canary; more than one in five seconds tells nothing more. */
const slotsAtLeast = 400;
const longestSlotMs = 5_000;
/** The shortest window of the rules, five minutes of seven days, then still has ten; a watch of days is kept small. */
const slotsAtMost = 20_160;

interface Slot {
  /** Number of the slot since the step began. */
  slot: number;
  atMs: number;
  bad: number;
  total: number;
}

/**
 * Watches the share of transactions that the users of the network get acknowledged, for as long as the step says; those that no node was
 * there to take count as refused. FAIL at once when the budget burns too fast; PASS at the end when enough is known. The time in which nobody watched is unknown.
 */
export async function watchSlo(context: RunContext, step: PlanStep): Promise<void> {
  const { inputs, session, signal } = context;
  const { clock } = inputs;
  const { id, objective = 0.99, forMs: lengthMs = 0 } = step;
  const fineMs = Math.min(longestSlotMs, Math.max(10, Math.floor(lengthMs / slotsAtLeast)));
  const slotMs = Math.max(fineMs, Math.floor(lengthMs / slotsAtMost));
  const options = { objective, lengthMs, slotMs };
  const judge = createSloJudge(options);
  const file = new Measurements<Slot>(session.runDir, id);
  const slots = await file.read();
  const startedAtMs = await startOf(context, id);
  for (const slot of slots) judge.push(asSloSlot(slot, slotMs, startedAtMs));
  const { ledger } = session;
  const counted = () => ({ ...ledger.counts, unserved: ledger.unserved });
  let last = counted();
  let state = judge.state();
  const firstMs = clock.monotonicMs();
  const firstSlot = Math.max(
    slots.length > 0 ? (slots.at(-1)?.slot ?? 0) + 1 : 0,
    Math.round((clock.wallMs() - startedAtMs) / slotMs),
  );
  for (let slot = firstSlot; state.verdict === undefined && slot < Math.ceil(lengthMs / slotMs); slot++) {
    await clock.sleep(Math.max(0, firstMs + (slot - firstSlot + 1) * slotMs - clock.monotonicMs()), signal);
    session.gates.throwIfGuardFailed();
    const now = counted();
    const unserved = now.unserved - last.unserved;
    const bad = now.rejected + now.unknown - last.rejected - last.unknown + unserved;
    const seen: Slot = { slot, atMs: startedAtMs + slot * slotMs, bad, total: now.sent - last.sent + unserved };
    last = now;
    slots.push(seen);
    await file.add(seen);
    state = judge.push(asSloSlot(seen, slotMs, startedAtMs));
  }
  if (state.verdict === undefined) state = judge.finish();
  const { verdict = 'inconclusive', reason } = state;
  await session.record({
    type: 'finding',
    step: id,
    finding: 'slo',
    nodes: [],
    verdict,
    reason,
    evidence: await storeEvidence(session.runDir, { options, startedAtMs, slots }),
  });
  if (verdict !== 'pass') throw new StepError(session.state.changed, verdict, reason);
}

function asSloSlot({ slot, bad, total }: Slot, slotMs: number, startedAtMs: number): SloSlot {
  return { atMs: startedAtMs + slot * slotMs, monoMs: slot * slotMs, bad, total };
}

/** Absolute: a run that goes on later watches no longer than it would have. */
async function startOf({ inputs, session }: RunContext, step: string): Promise<number> {
  const known = session.state.choices.get(`${step}/started`);
  if (typeof known === 'number') return known;
  const startedAtMs = inputs.clock.wallMs();
  await session.record({ type: 'choice', step, name: 'started', value: startedAtMs });
  return startedAtMs;
}
