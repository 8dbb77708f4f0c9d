import type { PlanStep } from '../../journal/records.ts';
import { serviceBaseline } from '../../load/service-meter.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';

/** Writes that were sent at the end of the stretch may still be on their way. */
const answerTimeoutMs = 6_000;
const pollMs = 100;

/** Measures the service before anything is broken: without a rate before, nothing that comes after can be called good. */
export async function measureBaseline({ inputs, session, signal }: RunContext, step: PlanStep): Promise<void> {
  const { clock } = inputs;
  const { ledger, drill } = session;
  const { forMs = 0, drill: exercise = '' } = step;
  const fromMs = ledger.nowMs();
  await clock.sleep(forMs, signal);
  const toMs = ledger.nowMs();
  const isOpen = (): boolean =>
    ledger.entries.some(({ sentAtMs, outcome }) => sentAtMs >= fromMs && sentAtMs < toMs && outcome === undefined);
  for (let waitedMs = 0; isOpen() && waitedMs < answerTimeoutMs; waitedMs += pollMs) await clock.sleep(pollMs, signal);
  const baseline = serviceBaseline(ledger.entries, fromMs, toMs);
  if (!baseline) {
    throw new StepError(
      [],
      'inconclusive',
      `${step.id}: no write was acknowledged before the disaster, so that nothing can be measured against it`,
    );
  }
  const { offered, acknowledged } = baseline;
  if (drill && acknowledged < offered * drill.drill.successShare) {
    throw new StepError(
      [],
      'inconclusive',
      `${step.id}: the service was not good before the disaster: ${acknowledged} of ${offered} writes were acknowledged`,
    );
  }
  await session.record({ type: 'drill.baseline', drill: exercise, ...baseline });
}
