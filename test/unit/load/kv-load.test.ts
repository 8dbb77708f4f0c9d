import { describe, expect, test } from 'vitest';
import { AbortedError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../../src/core/seeded-random.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import type { KvOperation } from '../../../src/safety/linearizability/kv-history.ts';
import { recordKvHistory, type KvLoadOptions } from '../../../src/load/kv-load.ts';
import { checkLinearizability } from '../../../src/safety/linearizability/check-linearizability.ts';
import type { KeyValueOperations, ProbeClient } from '../../../src/spec/profile.ts';

/** A store of several nodes in memory. Reads of a lagging node are of what it held a while ago. */
class Store {
  readonly clock = createVirtualClock();
  readonly random = seededRandom(11);
  readonly nodes = ['a', 'b', 'c'];
  lagMs = 0;
  /** Decides whether the answer to an operation is lost, after it was done. */
  losesAnswer = (): boolean => false;
  readonly #versions = new Map<string, { atMs: number; value: string }[]>();

  readonly operations: KeyValueOperations = {
    read: (client, { key }) =>
      this.#answer(async () => {
        const isLagging = (await client.getText('', '')) === 'c';
        return { outcome: 'ok' as const, value: this.#value(key, isLagging ? this.lagMs : 0) };
      }),
    write: (_client, { key, value }) =>
      this.#answer(async () => {
        this.#set(key, value);
        return { outcome: 'ok' as const };
      }),
    cas: (_client, { key, expected, value }) =>
      this.#answer(async () => {
        const isApplied = this.#value(key, 0) === expected;
        if (isApplied) this.#set(key, value);
        return { outcome: 'ok' as const, isApplied };
      }),
  };

  record(options: Partial<KvLoadOptions> = {}): Promise<KvOperation[]> {
    const client = (node: string) => ({ getText: async () => node }) as unknown as ProbeClient;
    return recordKvHistory({
      ...{ operations: this.operations, clients: new Map(this.nodes.map((node) => [node, client(node)])) },
      ...{ keys: ['x', 'y'], processes: 5, durationMs: 4_000, maxPauseMs: 20, timeoutMs: 1_000 },
      ...{ clock: this.clock, random: this.random, label: 'test' },
      ...options,
    });
  }

  async #answer<T>(act: () => Promise<T>): Promise<T> {
    await this.clock.sleep(this.random() * 10);
    const result = await act();
    await this.clock.sleep(this.random() * 10);
    if (this.losesAnswer()) throw new Error('ECONNRESET');
    return result;
  }

  #value(key: string, ageMs: number): string | null {
    const versions = this.#versions.get(key) ?? [];
    return versions.findLast(({ atMs }) => atMs <= this.clock.monotonicMs() - ageMs)?.value ?? null;
  }

  #set(key: string, value: string): void {
    const version = { atMs: this.clock.monotonicMs(), value };
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), version]);
  }
}

const verdictOf = async (history: KvOperation[]): Promise<string> =>
  (await checkLinearizability(history, { clock: createVirtualClock() })).verdict;

describe('a recorded key-value history', () => {
  test('holds reads, writes and compares of all processes, keys and nodes, each within its time', async () => {
    const history = await new Store().record();
    expect(history.length).toBeGreaterThan(300);
    expect(new Set(history.map(({ kind }) => kind)).size).toBe(3);
    expect([...new Set(history.map(({ key }) => key))].sort()).toEqual(['x', 'y']);
    expect([...new Set(history.map(({ node }) => node))].sort()).toEqual(['a', 'b', 'c']);
    expect(new Set(history.map(({ process }) => process)).size).toBe(5);
    expect(history.every(({ callMs, returnMs }) => returnMs > callMs)).toBe(true);
    const written = history.filter(({ kind }) => kind !== 'read').map(({ value }) => value);
    expect(new Set(written).size).toBe(written.length);
    expect(history.some((one) => one.kind === 'cas' && one.isApplied)).toBe(true);
    expect(history.some((one) => one.kind === 'cas' && !one.isApplied)).toBe(true);
  });

  test('of one process never does two things at once, and goes on under another name after a lost answer', async () => {
    const store = new Store();
    store.losesAnswer = () => store.random() < 0.05;
    const history = await store.record();
    const byProcess = Map.groupBy(history, ({ process }) => process);
    for (const operations of byProcess.values()) {
      for (const [index, one] of operations.entries()) {
        if (index > 0) expect(one.callMs).toBeGreaterThanOrEqual(operations[index - 1]?.returnMs ?? 0);
        if (one.outcome === 'unknown') expect(index).toBe(operations.length - 1);
      }
    }
    expect(history.filter(({ outcome }) => outcome === 'unknown').length).toBeGreaterThan(5);
    expect(await verdictOf(history)).toBe('pass');
  });

  test('of a store that answers from one copy is linearizable, and of one with a lagging copy it is not', async () => {
    expect(await verdictOf(await new Store().record())).toBe('pass');
    const lagging = new Store();
    lagging.lagMs = 60;
    expect(await verdictOf(await lagging.record())).toBe('fail');
  });

  test('ends at once when it is told to, with what was recorded', async () => {
    const store = new Store();
    const stopping = new AbortController();
    void store.clock.sleep(500).then(() => stopping.abort(new AbortedError('enough')));
    const history = await store.record({ signal: stopping.signal, durationMs: 60_000 });
    expect(history.length).toBeGreaterThan(20);
    expect(store.clock.monotonicMs()).toBeLessThan(700);
  });
});
