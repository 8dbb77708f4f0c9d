import type { BreakerSet } from '../core/breaker-set.ts';
import { BreakerOpenError, type CallClass } from '../core/breaker.ts';
import type { Clock } from '../core/clock.ts';
import type { CallOptions, Lab, LabLease } from './lab.ts';

interface GuardedLabOptions {
  breakers: BreakerSet;
  /** The machine whose engine or daemon the lab talks to. */
  host: string;
  callClass: Extract<CallClass, 'docker' | 'ssh'>;
  /** Methods that are never held back. Default: what calls nobody, streams, which are no one call, and what undoes a fault. */
  exempt?: readonly string[];
  /** Methods that are always called and only counted: what they tell is a gate's sample. Default: none. */
  sampled?: readonly string[];
  /** Instead of rejecting at once a call waits until it may be tried, at most so long. Default: it does not wait. */
  defer?: { clock: Clock; limitMs: number };
}

const EXEMPT = ['endpoint', 'clientEndpoint', 'close', 'heal', 'healAll', 'streamLogs'];

/**
 * A lab whose calls go through the breaker of its host: while that is open they reject at once with BreakerOpenError, or wait. It has
 * every method of the lab that it wraps. Giving a lease back is never held back, and neither is what undoes a fault.
 */
export function guardedLab<L extends Lab>(lab: L, options: GuardedLabOptions): L {
  const { breakers, host, callClass } = options;
  const exempt = new Set(options.exempt ?? EXEMPT);
  const sampled = new Set(options.sampled ?? []);
  const breaker = breakers.get(host, callClass);
  const guarded = new Map<string | symbol, unknown>();

  const deferred = async <T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const { defer } = options;
    const deadlineMs = defer && defer.clock.monotonicMs() + defer.limitMs;
    for (;;) {
      try {
        return await breaker.call(work, { signal });
      } catch (error) {
        // It was not called: to call it later is no second try.
        if (!(error instanceof BreakerOpenError) || deadlineMs === undefined) throw error;
        await breaker.whenClosed(signal, deadlineMs);
      }
    }
  };
  /** A look that its caller cut short says nothing of the host: a gate's slot may be shorter than an engine under load takes. */
  const watched = async <T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const look = async (): Promise<{ value: T } | { cut: unknown }> => {
      try {
        return { value: await work() };
      } catch (error) {
        if (!signal?.aborted) throw error;
        return { cut: error };
      }
    };
    const seen = await breaker.watch(look, (result) => ('cut' in result ? 'nothing' : 'answer'));
    if ('cut' in seen) throw seen.cut;
    return seen.value;
  };
  const guard = (name: string | symbol, method: (...inputs: unknown[]) => unknown): unknown => {
    const known = guarded.get(name);
    if (known !== undefined) return known;
    const made = (...inputs: unknown[]): unknown => {
      if (typeof name === 'symbol' || exempt.has(name)) return method.apply(lab, inputs);
      const work = async (): Promise<unknown> => {
        const result = await method.apply(lab, inputs);
        return name === 'takeLease' ? guardedLease(result as LabLease) : result;
      };
      return sampled.has(name) ? watched(work, signalIn(inputs)) : deferred(work, signalIn(inputs));
    };
    guarded.set(name, made);
    return made;
  };
  const guardedLease = (lease: LabLease): LabLease => ({
    token: lease.token,
    check: (call) => deferred(() => lease.check(call), call?.signal),
    release: () => lease.release(),
  });

  return new Proxy(lab, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? guard(name, value as (...inputs: unknown[]) => unknown) : value;
    },
  });
}

/** The options of a call stand last. */
function signalIn(inputs: readonly unknown[]): AbortSignal | undefined {
  const last = inputs.at(-1);
  return typeof last === 'object' && last !== null ? (last as CallOptions).signal : undefined;
}
