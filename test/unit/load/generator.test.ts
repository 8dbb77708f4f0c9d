import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { startLoad, type LoadOptions } from '../../../src/load/generator.ts';
import { openLedger, type Ledger } from '../../../src/load/ledger.ts';
import { passTime } from '../../helpers/idle-disk.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';
import { FakeChain } from './fake-chain.ts';

interface World {
  chain: FakeChain;
  clock: VirtualClock;
  ledger: Ledger;
  file: string;
  start(options?: Partial<LoadOptions>): ReturnType<typeof startLoad>;
}

async function world(): Promise<World> {
  const chain = new FakeChain(['a', 'b', 'c']);
  const clock = createVirtualClock({ isAutomatic: false });
  const file = join(await temporaryFolder(), 'ledger.jsonl');
  const ledger = await openLedger(file, { clock });
  const { profile, clients } = chain;
  const start = (options: Partial<LoadOptions> = {}) =>
    startLoad({ profile, clients, perSecond: 20, ledger, clock, label: 'run', ...options });
  return { chain, clock, ledger, file, start };
}

describe('the load generator', () => {
  test('offers its rate, to the nodes in turn, each transaction another', async () => {
    const { chain, clock, ledger, start } = await world();
    const load = start();
    await passTime(clock, 10_000);
    await load.stop();
    expect(ledger.counts).toEqual({ sent: 200, acknowledged: 200, rejected: 0, unknown: 0 });
    expect(new Set(chain.submitted.map(({ payload }) => payload)).size).toBe(200);
    for (const node of ['a', 'b', 'c']) {
      const share = chain.submitted.filter((one) => one.node === node).length;
      expect(share).toBeGreaterThanOrEqual(66);
    }
    await ledger.close();
  });

  test('passes over a node that does not serve, as a load balancer would', async () => {
    const { chain, clock, ledger, start } = await world();
    const load = start({ isServing: (node) => node !== 'b' });
    await passTime(clock, 3_000);
    await load.stop();
    expect(chain.submitted.length).toBe(60);
    expect(chain.submitted.some(({ node }) => node === 'b')).toBe(false);
    await ledger.close();
  });

  test('that ends early says why once it is stopped, however much later', async () => {
    const { chain, clock, ledger, start } = await world();
    const load = start({
      isServing: () => {
        throw new Error('nobody knows who serves');
      },
    });
    await passTime(clock, 5_000);
    expect(chain.submitted).toEqual([]);
    await expect(load.stop()).rejects.toThrow('nobody knows who serves');
    await ledger.close();
  });

  test('sends nothing while no node serves, and does not make up for it', async () => {
    const { chain, clock, ledger, start } = await world();
    let isServing = false;
    const load = start({ isServing: () => isServing });
    await passTime(clock, 5_000);
    expect(chain.submitted).toEqual([]);
    expect(ledger.unserved).toBeGreaterThanOrEqual(95);
    expect(ledger.counts.sent).toBe(0);
    isServing = true;
    await passTime(clock, 1_000);
    await load.stop();
    expect(chain.submitted.length).toBeGreaterThanOrEqual(19);
    expect(chain.submitted.length).toBeLessThanOrEqual(21);
    await ledger.close();
  });

  test('counts refusals, time-outs and failed calls as what they are, never as acknowledged', async () => {
    const { chain, clock, ledger, start } = await world();
    chain.answer = (_node, sequence) => {
      if (sequence % 4 === 0) return Promise.resolve({ outcome: 'rejected', reason: 'full' });
      if (sequence % 4 === 1) return Promise.resolve({ outcome: 'unknown', reason: 'timeout' });
      if (sequence % 4 === 2) return Promise.reject(new Error('ECONNRESET'));
      return undefined;
    };
    const load = start();
    await passTime(clock, 2_000);
    await load.stop();
    expect(ledger.counts).toEqual({ sent: 40, acknowledged: 10, rejected: 10, unknown: 20 });
    expect(ledger.entries.filter(({ outcome }) => outcome === 'acknowledged')).toHaveLength(10);
    await ledger.close();
  });

  test('waits at the stop for what is on its way, so that every transaction has its outcome', async () => {
    const { chain, clock, ledger, start } = await world();
    chain.answer = async (_node, sequence) => {
      await clock.sleep(3_000);
      return { outcome: 'acknowledged', id: String(sequence), height: 1 };
    };
    const load = start();
    await passTime(clock, 1_000);
    const stopped = load.stop();
    expect(ledger.counts.sent).toBe(0);
    await passTime(clock, 5_000);
    await stopped;
    expect(ledger.counts).toMatchObject({ sent: 20, acknowledged: 20 });
    expect(ledger.latenciesMs.every((latency) => latency === 3_000)).toBe(true);
    await ledger.close();
  });

  test('piles up no more than 200 without an answer', async () => {
    const { chain, clock, ledger, start } = await world();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    chain.answer = async () => {
      await held;
      return { outcome: 'rejected', reason: 'late' };
    };
    const load = start({ perSecond: 100 });
    await passTime(clock, 10_000);
    expect(chain.submitted).toHaveLength(200);
    release();
    await load.stop();
    await ledger.close();
  });

  test('of a system without transactions, or of rate 0, is none', async () => {
    const { chain, clock, ledger, start } = await world();
    const loads = [start({ perSecond: 0 }), start({ profile: {} })];
    await passTime(clock, 5_000);
    for (const load of loads) await load.stop();
    expect(chain.submitted).toEqual([]);
    expect(ledger.counts.sent).toBe(0);
    await ledger.close();
  });

  test('sends nothing whose intent is not on the disk yet', async () => {
    const { chain, clock, ledger, file, start } = await world();
    const onDisk: boolean[] = [];
    chain.answer = async (_node, sequence) => {
      const text = await readFile(file, 'utf8');
      onDisk.push(text.includes(`{"intent":${sequence},`));
      return { outcome: 'rejected', reason: 'looked' };
    };
    const load = start();
    await passTime(clock, 2_000);
    await load.stop();
    expect(onDisk.length).toBe(40);
    expect(onDisk.every(Boolean)).toBe(true);
    await ledger.close();
  });

  test('waits for the disk no oftener than forty times a second, however much it offers', async () => {
    const { clock, ledger, start } = await world();
    const load = start({ perSecond: 100 });
    await passTime(clock, 5_000);
    await load.stop();
    expect(ledger.counts.sent).toBeGreaterThanOrEqual(495);
    expect(ledger.commits).toBeGreaterThan(100);
    expect(ledger.commits).toBeLessThanOrEqual(201);
    await ledger.close();
  });

  test('stops when the ledger cannot be written, having sent nothing that is not noted down', async () => {
    const { chain, clock, ledger, start } = await world();
    let isFull = false;
    const failing: Ledger = {
      ...ledger,
      intend: (nodes) => (isFull ? Promise.reject(new Error('ENOSPC')) : ledger.intend(nodes)),
    };
    const load = start({ ledger: failing });
    await passTime(clock, 1_000);
    isFull = true;
    const before = chain.submitted.length;
    await passTime(clock, 3_000);
    await load.stop();
    expect(chain.submitted.length - before).toBeLessThanOrEqual(1);
    await ledger.close();
  });
});
