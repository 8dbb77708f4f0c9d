import type { Clock } from '../core/clock.ts';
import { AbortedError } from '../core/errors.ts';
import type { KeyValueOperations, ProbeClient } from '../spec/profile.ts';
import type { KvOperation } from '../safety/linearizability/kv-history.ts';

export interface KvLoadOptions {
  operations: KeyValueOperations;
  /** Client by node name; every operation goes to one of them by chance. */
  clients: ReadonlyMap<string, ProbeClient>;
  /** Few keys make many operations meet; they must not have been used before. */
  keys: readonly string[];
  /** How many do one thing after the other at the same time. */
  processes: number;
  /** How long new operations are begun, in ms. */
  durationMs: number;
  /** Longest wait of a process between two operations, in ms; each is by chance. */
  maxPauseMs: number;
  timeoutMs: number;
  clock: Clock;
  /** Numbers in [0, 1). */
  random: () => number;
  /** Makes the values of this load different from those of others. */
  label: string;
  /** Begins nothing new; what is under way is still recorded. */
  signal?: AbortSignal | undefined;
}

/** Half of the operations read, the rest writes and compares in equal parts. */
const shareOf = { reads: 0.5, writes: 0.25 };

/** Reads, writes and compares by several processes, and records what each asked and was told. Every written value is another. */
export async function recordKvHistory(options: KvLoadOptions): Promise<KvOperation[]> {
  const { clients, keys, processes, durationMs, maxPauseMs, clock, random, label, signal } = options;
  const history: KvOperation[] = [];
  const endMs = clock.monotonicMs() + durationMs;
  const nodes = [...clients];
  let written = 0;

  const run = async (number: number): Promise<void> => {
    const seen = new Map<string, string | null>();
    let lives = 0;
    while (clock.monotonicMs() < endMs && !signal?.aborted) {
      const [node, client] = nodes[Math.floor(random() * nodes.length)] ?? [];
      const key = keys[Math.floor(random() * keys.length)];
      if (node === undefined || client === undefined || key === undefined) return;
      const chance = random();
      const kind = chance < shareOf.reads ? 'read' : chance < shareOf.reads + shareOf.writes ? 'write' : 'cas';
      const value = `${label}-${written++}`;
      const process = lives === 0 ? `${number}` : `${number}.${lives}`;
      const about = { process, node, key, callMs: clock.monotonicMs() };
      const done = await perform(options, client, { ...about, kind, value, expected: seen.get(key) ?? null });
      const operation: KvOperation = { ...about, ...done, returnMs: clock.monotonicMs() };
      history.push(operation);
      if (operation.outcome === 'unknown') lives++;
      else if (operation.outcome === 'ok' && operation.kind !== 'cas') seen.set(key, operation.value);
      await clock.sleep(random() * maxPauseMs, signal).catch(endOfWait);
    }
  };
  await Promise.all(Array.from({ length: processes }, (_, number) => run(number)));
  return history.sort((a, b) => a.callMs - b.callMs);
}

function endOfWait(error: unknown): void {
  if (!(error instanceof AbortedError)) throw error;
}

interface Intent {
  kind: KvOperation['kind'];
  key: string;
  value: string;
  expected: string | null;
}

type Done =
  | { kind: 'read'; outcome: KvOperation['outcome']; value: string | null }
  | { kind: 'write'; outcome: KvOperation['outcome']; value: string }
  | { kind: 'cas'; outcome: KvOperation['outcome']; expected: string | null; value: string; isApplied: boolean };

async function perform({ operations, timeoutMs }: KvLoadOptions, client: ProbeClient, intent: Intent): Promise<Done> {
  const { kind, key, value, expected } = intent;
  const unknown = { outcome: 'unknown', reason: 'there was no answer' } as const;
  switch (kind) {
    case 'read': {
      const result = await operations.read(client, { key, timeoutMs }).catch(() => unknown);
      return { kind, outcome: result.outcome, value: result.outcome === 'ok' ? result.value : null };
    }
    case 'write': {
      const { outcome } = await operations.write(client, { key, value, timeoutMs }).catch(() => unknown);
      return { kind, outcome, value };
    }
    case 'cas': {
      const result = await operations.cas(client, { key, expected, value, timeoutMs }).catch(() => unknown);
      return { kind, outcome: result.outcome, expected, value, isApplied: result.outcome === 'ok' && result.isApplied };
    }
  }
}
