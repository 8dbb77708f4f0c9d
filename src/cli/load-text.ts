import type { LoadFigures, LoadResult } from '../load/drive-load.ts';
import { formatDuration, plural } from '../report/format.ts';

/** `12.0 s of 1 min 00 s: 49.8/s acknowledged, p50 210 ms, p95 340 ms; 600 sent, 2 refused, 1 without an answer`. */
export function loadFiguresText(figures: LoadFigures, forMs: number): string {
  return `${formatDuration(figures.elapsedMs)} of ${formatDuration(forMs)}: ${rateText(figures)}; ${countsText(figures)}`;
}

/** Below this share of what was due a load is told to have been too slow. */
const keptUp = 0.99;

/** What became of a load, and of what it was told. */
export function loadResultText(result: LoadResult, ledger: string): string {
  const { elapsedMs, due, sent, check, verdict, reason, isInterrupted } = result;
  const behind = sent < due * keptUp ? ` of ${due} that were due` : '';
  return [
    `${isInterrupted ? 'interrupted after' : 'offered for'} ${formatDuration(elapsedMs)}: ${rateText(result)}`,
    countsText(result, behind),
    ...(check
      ? [
          `${check.lost.length} lost, ${check.duplicated.length} doubled, ${check.resurrected.length} there though refused, ${check.reordered.length} out of order`,
        ]
      : []),
    `${verdict}${reason === undefined ? '' : `: ${reason}`}`,
    `ledger: ${ledger}`,
  ].join('\n');
}

function rateText({ perSecond, latencyP50Ms, latencyP95Ms }: LoadFigures): string {
  const latency = latencyP50Ms === undefined ? '' : `, p50 ${latencyP50Ms} ms, p95 ${latencyP95Ms ?? latencyP50Ms} ms`;
  return `${perSecond.toFixed(1)}/s acknowledged${latency}`;
}

function countsText({ sent, acknowledged, rejected, unknown }: LoadFigures, behind = ''): string {
  return `${plural(sent, 'transaction')} sent${behind}, ${acknowledged} acknowledged, ${rejected} refused, ${unknown} without an answer`;
}
