import { describe, expect, test } from 'vitest';
import { AbortedError, CleanupError, LabError } from '../../../src/core/errors.ts';
import { beginFault } from '../../../src/faults/begin-fault.ts';
import type { FaultKind } from '../../../src/faults/fault-spec.ts';
import type { FakeFaultBehaviour } from '../../../src/lab/fake/fake-faults.ts';
import { faultWorld, type FaultWorld } from '../../helpers/fault-world.ts';
import { holdFault, runFault } from '../../helpers/held-fault.ts';

const settings: [FaultKind, string, string[]][] = [
  ['partition', '', ['topology=halves']],
  ['partition', '', ['topology=majority']],
  ['partition', '', ['topology=alone']],
  ['partition', '', ['topology=groups', 'groups=2|1|1']],
  ['partition', 'n1', ['topology=bridge']],
  ['partition', '', ['topology=majorities-ring']],
  ['partition', '', ['topology=chain']],
  ['partition', 'n0,n1', ['topology=link']],
  ['partition', 'n0,n1', ['topology=one-way']],
  ['partition', 'n0', ['topology=deaf']],
  ['partition', 'n0', ['topology=mute']],
  ['partition', 'n0', ['topology=isolate', 'also=clients']],
  ['partition', '', ['topology=clients']],
  ['partition', '', ['topology=monitoring']],
  ['partition', 'n0', ['topology=flapping', 'of=isolate', 'period=5s']],
  ['drop', 'n0', ['ports=p2p']],
  ['reject', 'n0', ['ports=rpc', 'peers=clients']],
  ['delay', 'n0,n1', ['delay=200ms']],
  ['loss', 'n0', ['loss=0.2']],
  ['bandwidth', 'n0', ['rate=1mbit']],
  ['dns', 'n0', []],
  ['kill', 'n0', []],
  ['term', 'n0,n1', []],
  ['pause', 'n0', []],
  ['restart', 'n0', []],
  ['disk-full', 'n0', []],
  ['wipe', 'n0', []],
  ['corrupt', 'n0', []],
  ['clock', 'n0', ['offset=-5m']],
  ['cpu', 'n0', ['share=0.2']],
  ['memory', 'n0', ['limit=256MiB']],
  ['config', 'n0', []],
  ['prometheus-gone', '', []],
  ['alertmanager-gone', '', []],
];

async function world(behaviour: FakeFaultBehaviour = {}): Promise<FaultWorld> {
  const made = await faultWorld();
  made.lab.world.faults.script = () => behaviour;
  return made;
}

function typesOf({ events }: FaultWorld): string[] {
  return events.map(({ type }) => type.slice('fault.'.length));
}

async function isAsBefore({ lab, clock, nodes }: FaultWorld): Promise<void> {
  expect(await lab.faults.list()).toEqual([]);
  for (const node of nodes) expect((await lab.observe(node)).state).toBe('running');
  const watch = await lab.faults.watchPairs(nodes);
  const pairs = await watch.look();
  expect(pairs).toHaveLength(12);
  for (const pair of pairs) expect(pair).toMatchObject({ fresh: 'ok', established: 'ok' });
  expect(clock.sleeping).toBe(0);
}

describe('the life of a fault', () => {
  test.each(settings)('%s on "%s" with %j is shown, held, healed and shown to be gone', async (kind, targets, set) => {
    const one = await world();
    const fault = one.compile(kind, targets, set);
    const startMs = one.clock.monotonicMs();
    const result = await runFault(one.setting(fault));
    expect(result.outcome).toBe('verified');
    expect(one.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(kind === 'restart' ? 0 : 60_000);
    if (fault.flapMs === undefined) {
      expect(typesOf(one)).toEqual(['armed', 'injected', 'verified', 'healed', 'heal-verified']);
    }
    const { injectMs = NaN, verifiedMs = NaN, healMs = NaN, healVerifiedMs = NaN } = result.timings;
    expect(injectMs).toBeLessThanOrEqual(verifiedMs);
    expect(verifiedMs).toBeLessThanOrEqual(10_000);
    expect(healMs).toBeLessThanOrEqual(healVerifiedMs);
    // Four looks, a second apart each.
    expect(healVerifiedMs).toBeGreaterThanOrEqual(3000);
    await isAsBefore(one);
  });

  test('writes down who was armed, what was seen of every pair, and how it ended', async () => {
    const one = await world();
    await runFault(one.setting(one.compile('partition', 'n1', ['topology=isolate'])));
    const [armed, , verified, healed] = one.events;
    expect(armed).toEqual({
      type: 'fault.armed',
      fault: 'f1',
      leases: [{ id: 'f1-0', node: 'n1', kind: 'cut', ttlMs: 120_000 }],
    });
    if (verified?.type !== 'fault.verified') throw new Error(`not ${verified?.type}`);
    expect(verified.pairs).toHaveLength(12);
    expect(verified.effects['f1-0']?.['droppedPackets']).toBeTypeOf('number');
    if (healed?.type !== 'fault.healed') throw new Error(`not ${healed?.type}`);
    expect(healed.heldMs).toBeGreaterThanOrEqual(60_000);
    // The first look, and one every 10 s.
    expect(healed.looks).toBeGreaterThanOrEqual(5);
  });

  test('is held far beyond its dead-man by a heartbeat', async () => {
    const one = await world();
    const fault = one.compile('pause', 'n0', [], 'f1', '40m');
    expect(fault.leases[0]?.ttlMs).toBe(900_000);
    const result = await runFault(one.setting(fault));
    expect(result.outcome).toBe('verified');
    await isAsBefore(one);
  });

  test('flaps: its effect is shown anew in every period', async () => {
    const one = await world();
    await runFault(one.setting(one.compile('partition', 'n0', ['topology=flapping', 'of=isolate', 'period=5s'])));
    const verified = typesOf(one).filter((type) => type === 'verified');
    expect(verified.length).toBeGreaterThanOrEqual(4);
    expect(verified.length).toBeLessThanOrEqual(6);
    await isAsBefore(one);
  });

  test('two faults that touch different things act together', async () => {
    const one = await world();
    const first = one.compile('partition', 'n0,n1', ['topology=link']);
    const live = await beginFault(one.setting(first));
    const second = one.compile('partition', 'n2,n3', ['topology=link'], 'f2');
    const other = await beginFault(one.setting(second, { live: () => [first] }));
    expect(other.voidReason).toBeUndefined();
    await other.heal();
    const result = await live.heal();
    expect(result.outcome).toBe('verified');
    await isAsBefore(one);
  });

  test('goes on when another that was begun before it is healed first', async () => {
    const one = await world();
    const first = one.compile('partition', 'n0,n1', ['topology=link']);
    const acting = [first];
    const live = await beginFault(one.setting(first, { down: () => ['n3'] }));
    const stop = one.compile('pause', 'n3', [], 'f2');
    const other = await beginFault(one.setting(stop, { live: () => acting }));
    await live.heal();
    acting.pop();
    await holdFault(other, one, 60_000);
    expect(other.voidReason).toBeUndefined();
    expect((await other.heal()).outcome).toBe('verified');
    await isAsBefore(one);
  });

  test('demands nothing of nodes that are being changed meanwhile', async () => {
    const one = await world();
    const down: string[] = [];
    const fault = one.compile('partition', 'n0,n1', ['topology=link']);
    const live = await beginFault(one.setting(fault, { down: () => down }));
    down.push('n3');
    const [, , , n3] = one.nodes;
    if (!n3) throw new Error('there is no n3');
    await one.lab.stop(n3);
    await holdFault(live, one, 30_000);
    await one.lab.start(n3);
    down.pop();
    expect((await live.heal()).outcome).toBe('verified');
  });
});

describe('a fault is void, with the reason, and healed', () => {
  const voided = async (one: FaultWorld, ...fault: Parameters<FaultWorld['compile']>): Promise<string> => {
    const result = await runFault(one.setting(one.compile(...fault)));
    expect(result.outcome).toBe('void');
    expect(typesOf(one).slice(-3)).toEqual(['void', 'healed', 'heal-verified']);
    await isAsBefore(one);
    return result.reason ?? '';
  };

  test.each(settings.filter(([kind]) => kind !== 'restart'))(
    'when the lab ignores the injection of %s on "%s" with %j',
    async (...[kind, targets, set]) => {
      const reason = await voided(await world({ ignoresInjection: true }), kind, targets, set);
      expect(reason).toMatch(/^its effect could not be shown after 1\d\.\d s \(\d+ looks\): .* is armed/);
    },
  );

  test('when the injection fails', async () => {
    const reason = await voided(await world({ injectError: 'the kernel said no' }), 'pause', 'n0');
    expect(reason).toBe('it could not be injected: the kernel said no');
  });

  test.each([
    ['partition', 'n0', ['topology=isolate']],
    ['loss', 'n0', ['loss=0.2']],
    ['drop', 'n0', ['ports=p2p']],
  ] as const)('when no counter of %s rises', async (kind, targets, set) => {
    const reason = await voided(await world({ countsNothing: true }), kind, targets, [...set]);
    expect(reason).toContain('on n0 has risen');
  });

  test('when it cuts more than was meant', async () => {
    const reason = await voided(await world({ alsoCuts: ['n3'] }), 'partition', 'n0,n1', ['topology=link']);
    expect(reason).toMatch(/n\d → n3: new connections are blocked/);
  });

  test('when it is lost while it is held', async () => {
    const one = await world({ isLostAfterMs: 25_000 });
    const reason = await voided(one, 'partition', 'n0', ['topology=isolate']);
    expect(reason).toBe('cut on n0 is lost: its target changed under it');
    expect(one.events).toContainEqual({
      type: 'fault.lost',
      fault: 'f1',
      lease: 'f1-0',
      node: 'n0',
      detail: 'cut on n0 is lost: its target changed under it',
    });
  });

  test('when somebody else heals it while it is held', async () => {
    const one = await world();
    const live = await beginFault(one.setting(one.compile('pause', 'n0')));
    const [node] = one.nodes;
    if (!node) throw new Error('there is no node');
    await one.lab.faults.heal(node, 'f1-0');
    const startMs = one.clock.monotonicMs();
    await holdFault(live, one, 60_000);
    expect(one.clock.monotonicMs() - startMs).toBeLessThan(30_000);
    expect(live.voidReason).toBe('pause on n0 is gone');
    expect(await live.heal()).toMatchObject({ outcome: 'void', reason: 'pause on n0 is gone' });
    // A hold of what is void does not wait.
    const atMs = one.clock.monotonicMs();
    await holdFault(live, one, 60_000);
    expect(one.clock.monotonicMs()).toBe(atMs);
  });

  test('when its dead-man cannot be given more time', async () => {
    const reason = await voided(await world({ extendError: 'the daemon is deaf' }), 'pause', 'n0');
    expect(reason).toBe('its dead-man could not be given more time: the daemon is deaf');
  });

  test('when a node that was killed comes back by itself', async () => {
    const one = await world();
    const live = await beginFault(one.setting(one.compile('kill', 'n0')));
    const [node] = one.nodes;
    if (!node) throw new Error('there is no node');
    await one.lab.start(node);
    await holdFault(live, one, 60_000);
    expect(live.voidReason).toContain('n0 is running, not stopped');
    await live.heal().catch(() => undefined);
  });
});

describe('when something goes wrong', () => {
  test('in the arming, it is undone and the error told', async () => {
    const one = await world();
    let armed = 0;
    one.lab.world.faults.script = () => (++armed === 2 ? { armError: 'no room' } : {});
    const begun = beginFault(one.setting(one.compile('kill', 'n0,n1,n2')));
    await expect(begun).rejects.toThrow(new LabError('no room'));
    await isAsBefore(one);
  });

  test('with the answer to the arming or the injection, what was done is undone', async () => {
    const one = await world();
    const { faults, observe } = one.lab;
    const lost = new LabError('connection reset');
    const arm: typeof faults.arm = async (lease) => {
      await faults.arm(lease);
      throw lost;
    };
    const deaf = beginFault(one.setting(one.compile('kill', 'n0'), { lab: { observe, faults: { ...faults, arm } } }));
    await expect(deaf).rejects.toThrow(lost);
    // By the heal, that is, and not by its dead-man.
    expect(one.clock.monotonicMs()).toBeLessThan(30_000);
    await isAsBefore(one);
    const inject: typeof faults.inject = async (node, id) => {
      await faults.inject(node, id);
      throw lost;
    };
    const lab = { observe, faults: { ...faults, inject } };
    const result = await runFault(one.setting(one.compile('kill', 'n0'), { lab }));
    expect(result).toMatchObject({ outcome: 'void', reason: 'it could not be injected: connection reset' });
    await isAsBefore(one);
  });

  test('in the journal, the fault is healed all the same', async () => {
    const one = await world();
    for (const failing of ['fault.armed', 'fault.injected', 'fault.verified', 'fault.healed', 'fault.heal-verified']) {
      const record = async ({ type }: { type: string }): Promise<void> => {
        if (type === failing) throw new Error(`disk full at ${failing}`);
      };
      const ran = runFault(one.setting(one.compile('pause', 'n0'), { record }));
      await expect(ran).rejects.toThrow(`disk full at ${failing}`);
      await isAsBefore(one);
    }
  });

  test('and the signal is aborted while it is held, it is healed and the abort told', async () => {
    const one = await world();
    const operator = new AbortController();
    const ran = runFault(one.setting(one.compile('pause', 'n0'), { signal: operator.signal }));
    void one.clock.sleep(20_000).then(() => operator.abort());
    await expect(ran).rejects.toThrow(AbortedError);
    expect(typesOf(one).slice(-2)).toEqual(['healed', 'heal-verified']);
    await isAsBefore(one);
  });

  test.each([1_000, 7_000, 11_000])(
    'and its owner abandons it, nothing of it comes again; its leases are another’s (after %i ms)',
    async (afterMs) => {
      const one = await world();
      const fault = one.compile('partition', 'n0', ['topology=flapping', 'of=isolate', 'period=5s']);
      const live = await beginFault(one.setting(fault));
      await one.clock.sleep(afterMs);
      await live.abandon();
      const told = one.events.length;
      for (const { node, id } of fault.leases) await one.lab.faults.heal(node, id);
      await one.clock.sleep(60_000);
      expect(one.events).toHaveLength(told);
      await isAsBefore(one);
    },
  );

  test('and its owner abandons it while its heal is being shown, nobody waits for the rest', async () => {
    const one = await world({ healsLateMs: 20_000 });
    const live = await beginFault(one.setting(one.compile('partition', 'n0', ['topology=isolate'])));
    const healed = live.heal();
    await one.clock.sleep(5_000);
    await live.abandon();
    await expect(healed).rejects.toThrow(AbortedError);
    expect(one.clock.sleeping).toBe(0);
  });

  test('and the effect outlasts the heal, it is looked at until it is gone', async () => {
    const one = await world({ healsLateMs: 20_000 });
    const result = await runFault(one.setting(one.compile('partition', 'n0', ['topology=isolate'])));
    expect(result.outcome).toBe('verified');
    expect(result.timings.healVerifiedMs).toBeGreaterThanOrEqual(20_000);
    await isAsBefore(one);
  });

  test('and it cannot be healed, what is left and when it ends is told', async () => {
    const one = await world({ healError: 'the engine is gone' });
    const error = await runFault(one.setting(one.compile('pause', 'n0'))).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CleanupError);
    expect((error as Error).message).toBe(
      'after 60 s faults are not healed: f1-0 on n0: the engine is gone. Each ends by itself at most 120 s after it was last extended',
    );
    await one.clock.sleep(120_000);
    await isAsBefore(one);
  });

  test('and something is left after the heal, it is told what', async () => {
    const one = await world({ leavesResidue: true });
    const error = await runFault(one.setting(one.compile('pause', 'n0'))).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CleanupError);
    expect((error as Error).message).toContain('it is not gone: f1-0 is still lost on n0');
  });

  test.each(['prometheus', 'alertmanager'] as const)(
    'and %s ends as soon as it is started, it is not healed',
    async (name) => {
      const one = await world();
      one.lab.world.script = () => ({ crashesAfterMs: 0 });
      const error = await runFault(one.setting(one.compile(`${name}-gone`, ''))).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CleanupError);
      expect((error as Error).message).toContain(`it is not gone: ${name} is stopped`);
    },
  );

  test('and the container of the monitoring is removed while it is gone, it is not healed', async () => {
    const one = await world();
    const live = await beginFault(one.setting(one.compile('prometheus-gone', '')));
    one.lab.world.nodes.delete('prometheus');
    const error = await live.heal().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CleanupError);
    expect((error as Error).message).toContain('it is not gone: prometheus is absent');
  });
});
