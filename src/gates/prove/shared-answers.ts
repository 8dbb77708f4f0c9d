import type { Clock } from '../../core/clock.ts';
import type { Lab } from '../../lab/lab.ts';
import type { HttpTransport } from '../probe-client.ts';
import { readOnlyLab } from './read-only-lab.ts';

interface Kept<T> {
  atMs: number;
  answer: Promise<T>;
}

/**
 * Lets worlds that are shown side by side share what the testnet really answers, so that proving costs it no more than a gate does. An
 * answer is shared for `freshMs`; questions with a body are always asked anew.
 */
export function sharedAnswers(
  real: { transport: HttpTransport; lab: Lab },
  clock: Clock,
  freshMs: number,
): { transport: HttpTransport; lab: Lab } {
  const kept = new Map<string, Kept<unknown>>();
  const share = <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const nowMs = clock.monotonicMs();
    for (const [old, { atMs }] of kept) if (nowMs - atMs >= freshMs) kept.delete(old);
    const known = kept.get(key) as Kept<T> | undefined;
    if (known) return known.answer;
    const answer = ask();
    kept.set(key, { atMs: nowMs, answer });
    return answer;
  };
  return {
    transport: (request) => {
      if (request.body !== undefined) return real.transport(request);
      // Slots of worlds side by side differ by milliseconds; what they ask Prometheus for is the same.
      const key = request.url.replace(/([?&]time=)[\d.]+/, '$1');
      // One world's end must not cut off the others' answer.
      return share(`${request.method} ${key}`, () => real.transport({ ...request, signal: undefined }));
    },
    lab: readOnlyLab(real.lab, {
      observe: (node, options) =>
        share(`observe ${node.name}`, () => real.lab.observe(node, { timeoutMs: options?.timeoutMs ?? 1000 })),
      logs: (node, { tail, sinceMs, timeoutMs = 1000 } = {}) =>
        share(`logs ${node.name} ${tail ?? ''} ${sinceMs === undefined ? '' : 'since'}`, () =>
          real.lab.logs(node, {
            timeoutMs,
            ...(tail !== undefined && { tail }),
            ...(sinceMs !== undefined && { sinceMs }),
          }),
        ),
    }),
  };
}
