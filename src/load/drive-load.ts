import { abortedError, type Clock } from '../core/clock.ts';
import { AbortedError, LabError, messageOf } from '../core/errors.ts';
import type { ProbeClient, SystemProfile } from '../spec/profile.ts';
import { checkLedger, type LedgerCheck } from './check-ledger.ts';
import { startLoad } from './generator.ts';
import { latencyQuantile } from './latency.ts';
import { ledgerFindings } from './ledger-findings.ts';
import type { Ledger } from './ledger.ts';

/** Figures are given so often, in ms. */
const figuresEveryMs = 1_000;

/** How far a load has come. */
export interface LoadFigures {
  elapsedMs: number;
  sent: number;
  acknowledged: number;
  rejected: number;
  unknown: number;
  /** Of what was acknowledged since the figures before. */
  perSecond: number;
  latencyP50Ms?: number;
  latencyP95Ms?: number;
}

export interface LoadResult extends LoadFigures {
  /** What the rate and the time would have made; less was sent where the system did not keep up. */
  due: number;
  isInterrupted: boolean;
  /** Absent when it was left out. */
  check?: LedgerCheck;
  verdict: 'passed' | 'failed' | 'inconclusive';
  /** Why not passed. */
  reason?: string;
}

export interface DriveOptions {
  profile: Pick<SystemProfile, 'submit' | 'transactionsAt' | 'probe' | 'minorityWrites'>;
  /** Where traffic goes, in turn, by node name. */
  clients: ReadonlyMap<string, ProbeClient>;
  /** Every node of the testnet: what was acknowledged must be on each. */
  readers: ReadonlyMap<string, ProbeClient>;
  perSecond: number;
  forMs: number;
  ledger: Ledger;
  clock: Clock;
  /** Marks the payloads. */
  label: string;
  onFigures?: (figures: LoadFigures) => void;
  /** Ends the traffic early; what was acknowledged is still looked for. */
  signal: AbortSignal;
  /** Leaves that out as well. */
  hurry: AbortSignal;
}

/** Offers traffic by itself for a time, then looks for every acknowledged transaction on every node. */
export async function driveLoad(options: DriveOptions): Promise<LoadResult> {
  const { profile, ledger, clock, forMs, perSecond, signal, hurry, readers, onFigures } = options;
  const startMs = clock.monotonicMs();
  const load = startLoad(options);
  const figures = figuresFrom(ledger, clock, startMs);
  try {
    while (load.isOffering) {
      const leftMs = startMs + forMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      await clock.sleep(Math.min(figuresEveryMs, leftMs), signal);
      onFigures?.(figures());
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error;
  }
  const elapsedMs = clock.monotonicMs() - startMs;
  await load.stop();
  await ledger.seal().catch((cause: unknown) => {
    throw new LabError(`the load ended: ${messageOf(cause)}, and a write that is not noted down is not sent`, {
      cause,
    });
  });
  const { counts, latenciesMs } = ledger;
  const [p50, p95] = [latencyQuantile(latenciesMs, 0.5), latencyQuantile(latenciesMs, 0.95)];
  const all = {
    elapsedMs: Math.round(elapsedMs),
    ...counts,
    perSecond: counts.acknowledged / (Math.max(1, elapsedMs) / 1000),
    ...(p50 !== undefined && { latencyP50Ms: p50 }),
    ...(p95 !== undefined && { latencyP95Ms: p95 }),
    due: Math.floor((Math.min(elapsedMs, forMs) / 1000) * perSecond),
    isInterrupted: signal.aborted,
  };
  const check = await checkUnless(hurry, { profile, clients: readers, ledger, clock });
  if (!check) return { ...all, verdict: 'inconclusive', reason: 'what was acknowledged was not looked for' };
  const { harm, doubts } = ledgerFindings(check, counts);
  if (counts.sent === 0) doubts.push('no transaction was sent');
  const verdict = harm.length > 0 ? 'failed' : doubts.length > 0 ? 'inconclusive' : 'passed';
  return { ...all, check, verdict, ...(verdict !== 'passed' && { reason: [...harm, ...doubts].join('; ') }) };
}

/** Each call tells of the time since the one before. */
function figuresFrom(ledger: Ledger, clock: Clock, startMs: number): () => LoadFigures {
  let last = { atMs: startMs, acknowledged: 0, latencies: 0 };
  return () => {
    const atMs = clock.monotonicMs();
    const { counts, latenciesMs } = ledger;
    const recent = latenciesMs.slice(last.latencies);
    const [p50, p95] = [latencyQuantile(recent, 0.5), latencyQuantile(recent, 0.95)];
    const figures: LoadFigures = {
      elapsedMs: Math.round(atMs - startMs),
      ...counts,
      perSecond: ((counts.acknowledged - last.acknowledged) / Math.max(1, atMs - last.atMs)) * 1000,
      ...(p50 !== undefined && { latencyP50Ms: p50 }),
      ...(p95 !== undefined && { latencyP95Ms: p95 }),
    };
    last = { atMs, acknowledged: counts.acknowledged, latencies: latenciesMs.length };
    return figures;
  };
}

async function checkUnless(
  hurry: AbortSignal,
  inputs: Omit<Parameters<typeof checkLedger>[0], 'signal'>,
): Promise<LedgerCheck | undefined> {
  try {
    if (hurry.aborted) throw abortedError(hurry);
    return await checkLedger({ ...inputs, signal: hurry });
  } catch (error) {
    if (error instanceof AbortedError) return undefined;
    throw error;
  }
}
