import { describe, expect, test } from 'vitest';
import { AbortedError } from '../../../src/core/errors.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import type { ProbeClient, SystemProfile } from '../../../src/spec/profile.ts';
import { checkSafety, type CheckSafetyOptions } from '../../helpers/check-safety.ts';
import { blockAt, writesOf } from './chains.ts';

type Profile = Required<Pick<SystemProfile, 'probe' | 'blockAt' | 'transactionsAt'>>;

/** Four nodes in memory of which every one holds ten heights; a test spoils some of it. */
class World {
  readonly nodes = ['a', 'b', 'c', 'd'];
  readonly clock = createVirtualClock();
  readonly down = new Set<string>();
  readonly heights = new Map<string, number>();
  /** Questions for blocks so far. */
  asked = 0;
  underWay = 0;
  mostUnderWay = 0;
  /** Does something before a block is told. */
  before: (node: string, height: number) => void | Promise<void> = () => undefined;

  readonly profile: Profile = {
    probe: async (client) => ({ height: this.heights.get(await this.#answering(client)) ?? 10 }),
    blockAt: async (client, height) => {
      const node = await this.#answering(client);
      this.asked++;
      this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
      try {
        await this.before(node, height);
        return { height, hashes: blockAt(height).hashes ?? {} };
      } finally {
        this.underWay--;
      }
    },
    transactionsAt: async (client, height) => {
      await this.#answering(client);
      return [...(blockAt(height).transactions ?? [])];
    },
  };

  check(options: Partial<CheckSafetyOptions> = {}): ReturnType<typeof checkSafety> {
    const client = (node: string) => ({ getText: async () => node }) as unknown as ProbeClient;
    const clients = new Map(this.nodes.map((node) => [node, client(node)]));
    return checkSafety({ profile: this.profile, clients, clock: this.clock, writes: writesOf(), ...options });
  }

  async #answering(client: ProbeClient): Promise<string> {
    const node = await client.getText('', '');
    if (this.down.has(node)) throw new Error('ECONNREFUSED');
    return node;
  }
}

describe('the check of a finished history', () => {
  test('reads every height of every node and passes a sound one', async () => {
    const world = new World();
    const report = await world.check();
    expect(report).toMatchObject({ verdict: 'pass', from: 1, to: 10 });
    expect(report.checks.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      'agreement pass',
      'durability pass',
      'order pass',
      'resurrection pass',
      'duplication pass',
    ]);
    expect(world.asked).toBe(40);
  });

  test('waits for a node that lags and one that comes up late', async () => {
    const world = new World();
    world.heights.set('c', 4);
    world.down.add('d');
    void world.clock.sleep(5_000).then(() => world.heights.set('c', 10));
    void world.clock.sleep(9_000).then(() => world.down.delete('d'));
    expect(await world.check()).toMatchObject({ verdict: 'pass' });
    expect(world.clock.monotonicMs()).toBeLessThan(15_000);
  });

  test('never takes a node that stays down for a sound one', async () => {
    const world = new World();
    world.down.add('d');
    const report = await world.check();
    expect(report.verdict).toBe('inconclusive');
    expect(report.checks[0]?.summary).toContain('heights 1 to 10 of d not read: ECONNREFUSED');
    expect(world.clock.monotonicMs()).toBeLessThan(32_000);
  });

  test('does not stop at the first answer that fails', async () => {
    const world = new World();
    const failed = new Set<string>();
    world.before = (node, height) => {
      if (failed.has(`${node}${height}`)) return;
      failed.add(`${node}${height}`);
      throw new Error('ECONNRESET');
    };
    expect(await world.check()).toMatchObject({ verdict: 'pass' });
    expect(world.asked).toBe(80);
  });

  test('leaves a node alone that answers no more, and says so', async () => {
    const world = new World();
    for (const node of world.nodes) world.heights.set(node, 400);
    world.before = (node, height) => {
      if (node === 'b' && height > 100) world.down.add('b');
    };
    const report = await world.check();
    expect(report.verdict).toBe('inconclusive');
    expect(report.checks[0]?.unknowns[0]).toMatchObject({ nodes: ['b'] });
    expect(world.asked).toBeLessThan(4 * 400);
  });

  test('asks no node more than eight things at once', async () => {
    const world = new World();
    world.before = () => world.clock.sleep(10);
    await world.check();
    expect(world.mostUnderWay).toBeGreaterThan(8);
    expect(world.mostUnderWay).toBeLessThanOrEqual(4 * 8);
  });

  test('ends at its time, tells what it has not seen, and goes on from there when asked again', async () => {
    const world = new World();
    for (const node of world.nodes) world.heights.set(node, 200);
    world.before = () => world.clock.sleep(1_000);
    const first = await world.check({ timeoutMs: 10_000 });
    expect(first.verdict).toBe('inconclusive');
    expect(first.checks[0]?.unknowns[0]?.detail).toContain('the time for the check was over');
    const seen = first.readings.chains.reduce((sum, { blocks }) => sum + blocks.size, 0);
    expect(seen).toBeGreaterThan(100);
    const before = world.asked;
    const second = await world.check({ known: first.readings });
    expect(second.verdict).toBe('pass');
    expect(world.asked - before).toBe(4 * 200 - seen);
  });

  test('ends at once when it is told to', async () => {
    const world = new World();
    const aborting = new AbortController();
    world.before = (_node, height) => {
      if (height === 3) aborting.abort();
    };
    await expect(world.check({ signal: aborting.signal })).rejects.toThrow(AbortedError);
    world.down.add('a');
    const waiting = new AbortController();
    void world.clock.sleep(1_000).then(() => waiting.abort());
    await expect(world.check({ signal: waiting.signal })).rejects.toThrow(AbortedError);
  });

  test('does not take a pruned height, or a system without heights, for agreement', async () => {
    const world = new World();
    const { blockAt: ask, ...rest } = world.profile;
    const pruned: Profile = {
      ...rest,
      blockAt: async (client, height) => (height === 2 ? undefined : ask(client, height)),
    };
    expect((await world.check({ profile: pruned })).checks[0]?.summary).toContain(
      'height 2 of a not read: it does not have',
    );
    expect((await world.check({ profile: rest })).checks[0]).toMatchObject({ verdict: 'inconclusive', examined: 0 });
    const mute = await world.check({ profile: { probe: async () => ({}) } });
    expect(mute.verdict).toBe('inconclusive');
    expect(mute.checks[0]?.unknowns.length).toBeGreaterThan(0);
  });

  test('does not begin to read the heights that a liar claims', async () => {
    const world = new World();
    world.heights.set('a', 1e15);
    const report = await world.check();
    expect(report.verdict).toBe('inconclusive');
    expect(report.checks[0]?.unknowns[0]?.detail).toContain('it claims height 1000000000000000');
    expect(world.asked).toBe(30);
  });

  test('looks for what was acknowledged above all claimed heights, too', async () => {
    const world = new World();
    const [write] = writesOf([10]);
    const report = await world.check({
      writes: [{ ...write, id: 'high', node: 'a', outcome: 'acknowledged', height: 12 }],
    });
    expect(report).toMatchObject({ verdict: 'fail', to: 12 });
    expect(report.checks[1]?.culprits[0]?.detail).toContain('no node holds this height any more');
  });
});
