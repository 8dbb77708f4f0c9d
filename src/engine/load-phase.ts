import { storeEvidence } from '../journal/evidence.ts';
import { checkLedger } from '../load/check-ledger.ts';
import { startLoad, type Load } from '../load/generator.ts';
import { latencyQuantile } from '../load/latency.ts';
import { ledgerFindings } from '../load/ledger-findings.ts';
import { settleDrill } from './drill/settle-drill.ts';
import type { Ending } from './ending/outcome.ts';
import type { RunSession, SessionOptions } from './session.ts';

/** Offers traffic throughout a run. */
export async function offerLoad(
  session: RunSession,
  { profile, topology, clock, runId }: SessionOptions,
): Promise<Load> {
  await session.record({ type: 'step.started', step: 'load' });
  await session.record({ type: 'load.started', perSecond: topology.loadPerSecond });
  const { resumes } = session.state;
  return startLoad({
    profile,
    clients: session.trafficClients,
    perSecond: topology.loadPerSecond,
    ledger: session.ledger,
    clock,
    label: resumes === 0 ? runId : `${runId}-${resumes}`,
    isServing: (node) => session.observer.isServing(node),
  });
}

/** Stops the traffic and looks for every acknowledged transaction. `failure`: why the run has failed already, if it has. */
export async function settleLoad(
  session: RunSession,
  { profile, clock, plan, signal }: SessionOptions,
  load: Load,
  failure?: string,
): Promise<{ lost: number; duplicated: number; problem?: Ending }> {
  await load.stop();
  await session.record({ type: 'step.done', step: 'load' });
  if (!plan.steps.some(({ kind }) => kind === 'verify')) {
    const { sent, acknowledged, rejected, unknown } = session.ledger.counts;
    const text = `load: ${sent} sent, ${acknowledged} acknowledged, ${rejected} refused, ${unknown} without an answer; only counted, as the plan says`;
    await session.record({ type: 'note', level: 'info', text });
    return { lost: 0, duplicated: 0 };
  }
  await session.record({ type: 'step.started', step: 'ledger' });
  const { counts, latenciesMs } = session.ledger;
  const check = await checkLedger({
    profile,
    clients: session.clients,
    ledger: session.ledger,
    isMinority: session.drill?.state.isMinority,
    clock,
    signal,
  });
  const [p50, p95] = [latencyQuantile(latenciesMs, 0.5), latencyQuantile(latenciesMs, 0.95)];
  await session.record({
    type: 'load.finished',
    summary: {
      ...counts,
      lost: check.lost.length,
      duplicated: check.duplicated.length,
      rolledBack: check.rolledBack.length,
      resurrected: check.resurrected.length,
      reordered: check.reordered.length,
      acceptedByMinority: check.acceptedByMinority.length,
      misplaced: check.misplaced.length,
      disagreements: check.disagreements,
      unchecked: check.unchecked,
      ...(p50 !== undefined && { latencyP50Ms: p50 }),
      ...(p95 !== undefined && { latencyP95Ms: p95 }),
    },
    evidence: await storeEvidence(session.runDir, { ...check, ledger: await session.ledger.seal() }),
  });
  await session.record({ type: 'step.done', step: 'ledger' });
  const drill = await settleDrill(session, check, failure);
  // No loss that was found means nothing where nothing could be looked for.
  const { harm, doubts } = ledgerFindings(check, counts, drill?.lostWrites);
  const missed = drill?.problem?.outcome === 'failed' ? (drill.problem.reason ?? '') : '';
  const untold = harm.filter((one) => !missed.includes(one));
  const problem: Ending | undefined =
    harm.length > 0 || missed !== ''
      ? { outcome: 'failed', reason: [...untold, ...(missed === '' ? [] : [missed])].join('; ') }
      : doubts.length > 0
        ? { outcome: 'inconclusive', reason: doubts.join('; ') }
        : drill?.problem;
  return { lost: check.lost.length, duplicated: check.duplicated.length, ...(problem && { problem }) };
}
