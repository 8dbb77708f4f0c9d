import type { KvOperation } from '../../../../src/safety/linearizability/kv-history.ts';

/**
 * The definition itself, for histories of a few operations on one key: is there any order of the answered operations, with any of the
 * unanswered ones among them, that keeps to time and to what was answered? Shares nothing with the checker.
 */
export function isLinearizable(history: readonly KvOperation[], initial: string | null = null): boolean {
  const left = history.filter(({ outcome }) => outcome !== 'fail');
  return canGoOn(left, initial);
}

function canGoOn(left: readonly KvOperation[], value: string | null): boolean {
  if (left.every(({ outcome }) => outcome === 'unknown')) return true;
  return left.some((one) => {
    // Somebody else was answered before this one was even called: that one comes first.
    if (left.some((other) => other !== one && other.outcome === 'ok' && other.returnMs < one.callMs)) return false;
    const rest = left.filter((other) => other !== one);
    if (one.kind === 'write') return canGoOn(rest, one.value);
    if (one.kind === 'read') return (one.outcome === 'unknown' || one.value === value) && canGoOn(rest, value);
    const isSame = one.expected === value;
    if (one.outcome === 'ok' && one.isApplied !== isSame) return false;
    return canGoOn(rest, isSame ? one.value : value);
  });
}
