import { storeEvidence } from '../journal/evidence.ts';
import { checkLedger } from '../load/check-ledger.ts';
import { startLoad, type Load } from '../load/generator.ts';
import type { Ending } from './outcome.ts';
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
    clients: session.clients,
    perSecond: topology.loadPerSecond,
    ledger: session.ledger,
    clock,
    label: resumes === 0 ? runId : `${runId}-${resumes}`,
    isServing: (node) => session.observer.isServing(node),
  });
}

/** Stops the traffic and looks for every acknowledged transaction. */
export async function settleLoad(
  session: RunSession,
  { profile, clock, plan, signal }: SessionOptions,
  load: Load,
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
  const check = await checkLedger({ profile, clients: session.clients, ledger: session.ledger, clock, signal });
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const quantile = (q: number): number | undefined =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  const [p50, p95] = [quantile(0.5), quantile(0.95)];
  await session.record({
    type: 'load.finished',
    summary: {
      ...counts,
      lost: check.lost.length,
      duplicated: check.duplicated.length,
      unchecked: check.unchecked,
      ...(p50 !== undefined && { latencyP50Ms: Math.round(p50) }),
      ...(p95 !== undefined && { latencyP95Ms: Math.round(p95) }),
    },
    evidence: await storeEvidence(session.runDir, { ...check, ledger: await session.ledger.seal() }),
  });
  await session.record({ type: 'step.done', step: 'ledger' });
  const harm = [
    ...(check.lost.length > 0 ? [`${check.lost.length} acknowledged transactions were lost`] : []),
    ...(check.duplicated.length > 0 ? [`${check.duplicated.length} transactions were committed twice`] : []),
  ];
  // No loss that was found means nothing where nothing could be looked for.
  const doubts = [
    ...(check.unchecked > 0
      ? [`${check.unchecked} acknowledged transactions could not be looked for: ${check.reason ?? 'no reason'}`]
      : []),
    ...(counts.sent > 0 && counts.acknowledged === 0 ? [`none of ${counts.sent} transactions was acknowledged`] : []),
  ];
  const problem: Ending | undefined =
    harm.length > 0
      ? { outcome: 'failed', reason: harm.join('; ') }
      : doubts.length > 0
        ? { outcome: 'inconclusive', reason: doubts.join('; ') }
        : undefined;
  return { lost: check.lost.length, duplicated: check.duplicated.length, ...(problem && { problem }) };
}
