import { latencyQuantile } from './latency.ts';
import type { LedgerEntry } from './ledger.ts';

/** What was offered in one second, and what of that was acknowledged, whenever that came. */
export interface ServiceSecond {
  /** Its begin, wall time in ms. */
  atMs: number;
  offered: number;
  acknowledged: number;
}

export interface ServiceBaseline {
  fromMs: number;
  toMs: number;
  offered: number;
  acknowledged: number;
  /** Acknowledged a second. */
  perSecond: number;
}

/** What counts as good service. */
export interface ServiceRule {
  windowMs: number;
  /** Share of what is offered in the window that must be acknowledged, 0 to 1. */
  successShare: number;
  /** Share of the rate before, 0 to 1. */
  rateShare: number;
}

const secondMs = 1000;

/** Seconds from `fromMs` on, only whole ones that end by `untilMs`. A write belongs to the second in which it was sent. */
export function serviceSeconds(entries: readonly LedgerEntry[], fromMs: number, untilMs: number): ServiceSecond[] {
  const count = Math.max(0, Math.floor((untilMs - fromMs) / secondMs));
  const seconds = Array.from({ length: count }, (_, index) => ({
    atMs: fromMs + index * secondMs,
    offered: 0,
    acknowledged: 0,
  }));
  for (const { sentAtMs, outcome } of entries) {
    const second = seconds[Math.floor((sentAtMs - fromMs) / secondMs)];
    if (!second) continue;
    second.offered++;
    if (outcome === 'acknowledged') second.acknowledged++;
  }
  return seconds;
}

/** The rate in a stretch of time; undefined where nothing was acknowledged, so that nobody measures against zero. */
export function serviceBaseline(
  entries: readonly LedgerEntry[],
  fromMs: number,
  toMs: number,
): ServiceBaseline | undefined {
  const sent = entries.filter(({ sentAtMs }) => sentAtMs >= fromMs && sentAtMs < toMs);
  const acknowledged = sent.filter(({ outcome }) => outcome === 'acknowledged').length;
  if (acknowledged === 0 || toMs <= fromMs) return undefined;
  const perSecond = acknowledged / ((toMs - fromMs) / secondMs);
  return { fromMs, toMs, offered: sent.length, acknowledged, perSecond };
}

/** The latency that nineteen of twenty acknowledged writes kept in a stretch of time, in ms; 0 where none was acknowledged. */
export function usualLatencyMs(entries: readonly LedgerEntry[], fromMs: number, toMs: number): number {
  return latencyQuantile(latenciesOf(entries, fromMs, toMs), 0.95) ?? 0;
}

function latenciesOf(entries: readonly LedgerEntry[], fromMs: number, toMs: number): number[] {
  return entries.flatMap(({ sentAtMs, answeredAtMs, outcome }) =>
    outcome === 'acknowledged' && answeredAtMs !== undefined && sentAtMs >= fromMs && sentAtMs < toMs
      ? answeredAtMs - sentAtMs
      : [],
  );
}

/**
 * Begin of the first window of good service at or after `fromMs`, to the second; undefined where there is none that has ended by
 * `untilMs`. Its first second has the rate by itself, and half of its answers without waiting: what was sent while the service was away, and
 * answered when it came back, does not make it come back earlier. Writes without an answer yet count as failed. `latencyMs`: what answers
 * took before; default 0.
 */
export function firstGoodWindow(
  entries: readonly LedgerEntry[],
  baseline: Pick<ServiceBaseline, 'perSecond'> & { latencyMs?: number },
  { windowMs, successShare, rateShare }: ServiceRule,
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
): { atMs: number; offered: number; acknowledged: number } | undefined {
  const seconds = serviceSeconds(entries, fromMs, untilMs);
  const length = Math.ceil(windowMs / secondMs);
  const promptMs = Math.max(secondMs, baseline.latencyMs ?? 0);
  let offered = 0;
  let acknowledged = 0;
  for (const [index, second] of seconds.entries()) {
    offered += second.offered;
    acknowledged += second.acknowledged;
    const gone = seconds[index - length];
    if (gone) {
      offered -= gone.offered;
      acknowledged -= gone.acknowledged;
    }
    const first = seconds[index - length + 1];
    if (!first) continue;
    // A window may hold bad seconds, but service does not begin with one.
    const begins = first.acknowledged >= Math.max(1, Math.floor(baseline.perSecond * rateShare));
    const isGood =
      begins && acknowledged >= offered * successShare && acknowledged / length >= baseline.perSecond * rateShare;
    if (!isGood) continue;
    const typicalMs = latencyQuantile(latenciesOf(entries, first.atMs, first.atMs + secondMs), 0.5) ?? 0;
    if (typicalMs > promptMs) continue;
    return { atMs: first.atMs, offered, acknowledged };
  }
  return undefined;
}
