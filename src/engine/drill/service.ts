import type { PlanStep } from '../../journal/records.ts';
import { firstGoodWindow, serviceBaseline, usualLatencyMs } from '../../load/service-meter.ts';
import type { LedgerEntry } from '../../load/ledger.ts';
import { StepError, VoidError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import { chosenNodes } from './lose.ts';

const pollMs = 500;

/** Waits until the service is good again, and holds the gate of the nodes: only both together are a recovery. */
export async function awaitService(context: RunContext, step: PlanStep): Promise<void> {
  const { inputs, session, signal } = context;
  const { clock } = inputs;
  const { ledger, drill } = session;
  const { current } = drill?.state ?? {};
  if (!drill || current === undefined) throw new VoidError(`${step.id}: there was no baseline to measure against`);
  const verifiedAtMs = drill.state.milestones(current).get('verified');
  const before = drill.state.baseline(current);
  const serving = step.servedBy ? await chosenNodes(context, { id: step.id, nodes: step.servedBy }) : undefined;
  const measured = (): readonly LedgerEntry[] =>
    serving ? ledger.entries.filter(({ node }) => serving.includes(node)) : ledger.entries;
  const baseline = before && serviceBaseline(measured(), before.fromMs, before.toMs);
  if (verifiedAtMs === undefined || !baseline) throw new VoidError(`${step.id}: the disaster was never shown`);
  const usual = { ...baseline, latencyMs: usualLatencyMs(measured(), baseline.fromMs, baseline.toMs) };
  const untilMs = clock.monotonicMs() + (step.timeoutMs ?? 0);
  for (;;) {
    const found = firstGoodWindow(measured(), usual, drill.drill, {
      fromMs: verifiedAtMs,
      untilMs: ledger.nowMs(),
    });
    if (found) {
      // What is down on purpose is gated when it is back.
      const nodes = step.nodes.filter((node) => !session.state.stopped.has(node));
      await session.gates.gate(step.id, nodes, session.deployed, { signal });
      const text = `${found.acknowledged} of ${found.offered} writes in ${drill.drill.windowMs / 1000} s, ${baseline.perSecond.toFixed(1)} a second before`;
      await drill.reach('service', text, found.atMs);
      return;
    }
    if (clock.monotonicMs() > untilMs) {
      const objective = drill.drill.exercises.find(({ id }) => id === current)?.objectives.rtoMs;
      // What has not come back by its objective has missed it, however long one would wait.
      const isMissed = objective !== undefined && ledger.nowMs() - verifiedAtMs > objective;
      throw new StepError(
        [],
        isMissed ? 'fail' : 'inconclusive',
        `${step.id}: good service did not come back within ${(step.timeoutMs ?? 0) / 1000} s`,
      );
    }
    session.gates.throwIfGuardFailed();
    await clock.sleep(pollMs, signal);
  }
}
