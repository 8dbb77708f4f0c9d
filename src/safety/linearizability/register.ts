import type { KvOperation } from './kv-history.ts';

/** The value of a key; null while it is not there. */
export type Register = string | null;

/** Stands for every value that no read returned and no compare expected: what they are makes no difference. */
export const unseen = '\u0000a value that nobody saw';

/**
 * What the register holds after an operation took effect on it, or undefined where it cannot have answered as it did. Of one without an answer
 * anything can be; where it would change nothing it need not be tried.
 */
export function after(register: Register, operation: KvOperation): Register | undefined {
  const isAnswered = operation.outcome === 'ok';
  switch (operation.kind) {
    case 'read':
      return operation.value === register ? register : undefined;
    case 'write':
      return isAnswered || operation.value !== register ? operation.value : undefined;
    case 'cas': {
      const fits = operation.expected === register;
      if (isAnswered && operation.isApplied !== fits) return undefined;
      return fits ? operation.value : isAnswered ? register : undefined;
    }
  }
}

/**
 * The operations that can say anything about a key. Left out are those that never took effect, reads without an answer, and writes without an
 * answer whose value nobody has seen: an order that has them has them nowhere near another operation that would notice. A compare that did not
 * fit notices every value, so that next to one they stay.
 */
export function telling(operations: readonly KvOperation[]): KvOperation[] {
  const seen = new Set<Register>();
  let isNoticed = false;
  for (const operation of operations) {
    if (operation.kind === 'cas') seen.add(operation.expected);
    if (operation.outcome !== 'ok') continue;
    if (operation.kind === 'read') seen.add(operation.value);
    if (operation.kind === 'cas' && !operation.isApplied) isNoticed = true;
  }
  return operations.flatMap((operation) => {
    if (operation.outcome === 'ok') return [operation];
    if (operation.outcome === 'fail' || operation.kind === 'read') return [];
    if (seen.has(operation.value)) return [operation];
    return isNoticed ? [{ ...operation, value: unseen }] : [];
  });
}
