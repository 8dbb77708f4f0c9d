import type { BreakerSet } from '../core/breaker-set.ts';
import type { CallClass } from '../core/breaker.ts';
import type { Lab, LabLease } from './lab.ts';

interface GuardedLabOptions {
  breakers: BreakerSet;
  /** The machine whose engine or daemon the lab talks to. */
  host: string;
  callClass: Extract<CallClass, 'docker' | 'ssh'>;
  /** Methods that are never held back. Default: `endpoint` and `close`, which call nobody, and those that undo a fault. */
  exempt?: readonly string[];
}

const EXEMPT = ['endpoint', 'close', 'heal', 'healAll'];

/**
 * A lab whose calls go through the breaker of its host: while that is open they reject at once with BreakerOpenError. It has every
 * method of the lab that it wraps. Giving a lease back is never held back, and neither is what undoes a fault.
 */
export function guardedLab<L extends Lab>(lab: L, options: GuardedLabOptions): L {
  const { breakers, host, callClass } = options;
  const exempt = new Set(options.exempt ?? EXEMPT);
  const breaker = breakers.get(host, callClass);
  const guarded = new Map<string | symbol, unknown>();

  const guard = (name: string | symbol, method: (...inputs: unknown[]) => unknown): unknown => {
    const known = guarded.get(name);
    if (known !== undefined) return known;
    const isExempt = typeof name === 'string' && exempt.has(name);
    const made = (...inputs: unknown[]): unknown => {
      const act = (): unknown => method.apply(lab, inputs);
      if (isExempt) return act();
      return breaker.call(async () => {
        const result = await act();
        return name === 'takeLease' ? guardedLease(result as LabLease) : result;
      });
    };
    guarded.set(name, made);
    return made;
  };
  const guardedLease = (lease: LabLease): LabLease => ({
    token: lease.token,
    check: (call) => breaker.call(() => lease.check(call)),
    release: () => lease.release(),
  });

  return new Proxy(lab, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? guard(name, value as (...inputs: unknown[]) => unknown) : value;
    },
  });
}
