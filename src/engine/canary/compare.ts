import { comparisonBins, type ComparisonBin, type ExposureSample } from '../../gates/canary/comparison-bins.ts';
import { episodesOf, type ErrorEvent } from '../../gates/canary/episodes.ts';
import { harmOf, type HarmByNode } from '../../gates/canary/harm.ts';
import { judgeVersionCanary } from '../../gates/canary/version-verdict.ts';
import { storeEvidence } from '../../journal/evidence.ts';
import type { PlanStep } from '../../journal/records.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import { Measurements } from './measurements.ts';
import { ratioMeasures, readHarm } from './read-harm.ts';

const slotMs = 5_000;
/** A comparison of hours has bins of half an hour; a shorter one has this many bins. */
const fewestBins = 24;
const longestBinMs = 1_800_000;

/** What was counted by one slot of one phase. */
interface Slot {
  atMs: number;
  /** Time of the slot since the phase began, waits of a run that was cut off left out. */
  phaseMs: number;
  errors: { node: string; class: string }[];
  exposure: { node: string; amount: number }[];
}

/** Counts errors and use of all nodes for a while, in which canary and control still run the same: what the comparison stands on. */
export async function calibrate(context: RunContext, step: PlanStep): Promise<void> {
  await count(context, step);
}

/**
 * Compares the error episodes of changed nodes with those of the others, by how both compared while they were calibrated. Only a veto:
 * where too little happened to tell, the gates and SLOs decide.
 */
export async function compareVersions(context: RunContext, step: PlanStep): Promise<void> {
  const { session } = context;
  const { id, nodes, control = [], forMs = 0, after } = step;
  const during = await count(context, step);
  const before = after === undefined ? [] : await new Measurements<Slot>(session.runDir, after).read();
  const binMs = Math.min(longestBinMs, Math.max(slotMs, Math.floor(forMs / fewestBins)));
  const binsOf = (slots: readonly Slot[]): ComparisonBin[] => {
    const events: ErrorEvent[] = slots.flatMap(({ phaseMs, errors }) =>
      errors.map((error) => ({ ...error, atMs: phaseMs })),
    );
    const exposure: ExposureSample[] = slots.flatMap(({ phaseMs, exposure: used }) =>
      used.map((amount) => ({ ...amount, atMs: phaseMs })),
    );
    const toMs = (slots.at(-1)?.phaseMs ?? 0) + slotMs;
    return comparisonBins({ episodes: episodesOf(events), exposure, canary: nodes, control, fromMs: 0, toMs, binMs });
  };
  const bins = { before: binsOf(before), during: binsOf(during) };
  const { verdict, reason } = judgeVersionCanary(bins);
  const text = `${nodes.join(', ')} beside ${control.join(', ')}: ${reason}`;
  await session.record({
    type: 'finding',
    step: id,
    finding: 'comparison',
    nodes,
    verdict,
    reason: text,
    evidence: await storeEvidence(session.runDir, { binMs, ...bins }),
  });
  if (verdict === 'fail') throw new StepError(nodes, 'fail', text);
}

/** Reads the counters every few seconds until the step's time is over; what an earlier process has counted counts. */
async function count(context: RunContext, step: PlanStep): Promise<Slot[]> {
  const { inputs, session, signal } = context;
  const { clock } = inputs;
  const { id, nodes, control = [], forMs = 0 } = step;
  const measures = ratioMeasures(context);
  const all = [...nodes, ...control];
  const file = new Measurements<Slot>(session.runDir, id);
  const slots = await file.read();
  const startedMs = clock.monotonicMs() - (slots.length > 0 ? (slots.at(-1)?.phaseMs ?? 0) + slotMs : 0);
  let last: Record<string, HarmByNode> = await readHarm(context, measures, all);
  while (clock.monotonicMs() - startedMs < forMs) {
    await clock.sleep(slotMs, signal);
    session.gates.throwIfGuardFailed();
    const now = await readHarm(context, measures, all);
    const slot: Slot = {
      atMs: clock.wallMs(),
      phaseMs: Math.round(clock.monotonicMs() - startedMs),
      errors: [],
      exposure: [],
    };
    for (const { name } of measures) {
      for (const [node, { bad, total }] of Object.entries(harmOf(last[name] ?? {}, now[name] ?? {}))) {
        if (bad > 0) slot.errors.push({ node, class: name });
        slot.exposure.push({ node, amount: total });
      }
    }
    last = now;
    slots.push(slot);
    await file.add(slot);
  }
  return slots;
}
