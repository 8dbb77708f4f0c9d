import type { Clock } from '../../core/clock.ts';
import type { KvOperation } from './kv-history.ts';
import { concluded } from '../safety-result.ts';
import type { SafetyCheck, SafetyFinding } from '../safety-result.ts';
import { telling, unseen } from './register.ts';
import type { Register } from './register.ts';
import { Search } from './search.ts';
import type { Stuck } from './search.ts';

export interface LinearizabilityOptions {
  clock: Clock;
  signal?: AbortSignal | undefined;
  /** Time for all keys together, in ms; what is not decided by then is inconclusive. Default 60 000. */
  timeoutMs?: number;
  /** States remembered for one key, as a limit of memory. Default 1 000 000. */
  maxStates?: number;
  /** What keys held before the first operation. Default: none was there. */
  initial?: (key: string) => Register;
}

const stepsAtOnce = 20_000;

/**
 * Whether every operation can have taken effect at one moment between its call and its answer. Each key is looked at by itself: a history of
 * independent registers is linearizable exactly when that of each is (Herlihy and Wing, 1990).
 */
export async function checkLinearizability(
  history: readonly KvOperation[],
  options: LinearizabilityOptions,
): Promise<SafetyCheck> {
  const { clock, signal, timeoutMs = 60_000, maxStates = 1_000_000, initial = () => null } = options;
  const endMs = clock.monotonicMs() + timeoutMs;
  const culprits: SafetyFinding[] = [];
  const unknowns: SafetyFinding[] = [];
  const byKey = Map.groupBy(history, ({ key }) => key);
  for (const [key, operations] of byKey) {
    const search = new Search(telling(operations), initial(key), maxStates);
    while (search.run(stepsAtOnce) === 'undecided' && !search.isFull && clock.monotonicMs() < endMs) {
      // Others have their turn, and the signal its effect.
      await clock.sleep(0, signal);
    }
    const outcome = search.run(0);
    if (outcome === 'impossible') culprits.push(violation(key, operations.length, search.stuck));
    else if (outcome === 'undecided') {
      const detail = `key ${key} was not decided after ${search.states} states: ${search.isFull ? 'too many' : 'no time left'}`;
      unknowns.push({ detail });
    }
  }
  const examined = history.filter(({ outcome }) => outcome === 'ok').length;
  return concluded('linearizability', { examined, what: 'answered operations', culprits, unknowns });
}

function violation(key: string, count: number, stuck: Stuck | undefined): SafetyFinding {
  if (!stuck) return { detail: `no order explains the ${count} operations on key ${key}` };
  const { operation, register, placed } = stuck;
  const before = placed.slice(-3).map(told).join(', then ');
  return {
    nodes: [operation.node],
    detail:
      `no order explains the ${count} operations on key ${key}: with ${placed.length} of them in place ` +
      `${before === '' ? '' : `(last ${before}) `}it holds ${quoted(register)}, which does not fit ${told(operation)}`,
  };
}

function told(operation: KvOperation): string {
  const { kind, process, node, callMs, returnMs, outcome } = operation;
  const what =
    kind === 'read'
      ? `read of ${quoted(operation.value)}`
      : kind === 'write'
        ? `write of ${quoted(operation.value)}`
        : `cas from ${quoted(operation.expected)} to ${quoted(operation.value)}${operation.isApplied ? '' : ' that did not fit'}`;
  const until = outcome === 'ok' ? `${Math.round(returnMs)} ms` : 'no answer';
  return `the ${what} by process ${process} at ${node} (${Math.round(callMs)} to ${until})`;
}

function quoted(value: Register): string {
  return value === null ? 'nothing' : value === unseen ? value.slice(1) : JSON.stringify(value);
}
