import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FaultKind } from '../../../src/faults/fault-spec.ts';
import type { FaultPort } from '../../../src/lab/faults.ts';
import type { FakeFaultBehaviour } from '../../../src/lab/fake/fake-faults.ts';
import { faultWorld, type FaultWorld } from '../../helpers/fault-world.ts';
import { runFault } from '../../helpers/held-fault.ts';

const faults: [FaultKind, string, string[]][] = [
  ['partition', '', ['topology=halves']],
  ['partition', 'n0', ['topology=flapping', 'of=isolate', 'period=5s']],
  ['delay', 'n0,n1', ['delay=200ms']],
  ['kill', 'n0,n1', []],
  ['pause', 'n0', []],
  ['wipe', 'n0', []],
  ['config', 'n0,n2', []],
  ['prometheus-gone', '', []],
];

const LONGEST_TTL_MS = 15 * 60_000;

type Ending = 'kill-before' | 'kill-after' | 'abort' | 'none';

interface Watched {
  port: FaultPort;
  calls(): number;
  /** What was wrong at any moment. Kept, because whoever calls takes what a call throws for a failure of the lab. */
  violations: unknown[];
}

/** Counts the calls, looks at the world around each of them, and ends the caller at one of them as told. */
function watchedPort(one: FaultWorld, at: number, ending: Ending, operator: AbortController): Watched {
  let calls = 0;
  let isKilled = false;
  const violations: unknown[] = [];
  const check = (): void => {
    try {
      requireDeadMen(one);
    } catch (error) {
      violations.push(error);
    }
  };
  // What a killed process waits for never comes.
  const never = new Promise<never>(() => undefined);
  const around = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (isKilled) return never;
      const isIt = calls++ === at;
      if (isIt && ending === 'abort') operator.abort();
      if (isIt && ending === 'kill-before') isKilled = true;
      if (isKilled) return never;
      check();
      try {
        return await call(...args);
      } finally {
        check();
        // It did its work, or failed, and nobody learns of it.
        if (isIt && ending === 'kill-after') isKilled = true;
        if (isKilled) await never;
      }
    };
  };
  const plain = one.lab.faults;
  return {
    calls: () => calls,
    violations,
    port: {
      capabilities: around(plain.capabilities),
      arm: around(plain.arm),
      inject: around(plain.inject),
      extend: around(plain.extend),
      inspect: around(plain.inspect),
      heal: around(plain.heal),
      list: around(plain.list),
      watchPairs: around(async (nodes, options) => {
        const watch = await plain.watchPairs(nodes, options);
        return { nodes: watch.nodes, look: around(watch.look), close: around(watch.close) };
      }),
    },
  };
}

/** Whatever acts has a dead-man that will end it, and within the longest time that any may have. */
function requireDeadMen({ lab: { world }, nodes }: FaultWorld): void {
  const states = world.faults.all().map((held) => world.faults.stateOf(held));
  for (const { remainingMs = -1 } of states) {
    expect(remainingMs).toBeGreaterThan(0);
    expect(remainingMs).toBeLessThanOrEqual(LONGEST_TTL_MS);
  }
  // And nothing is broken without one that acts, or acted until it was lost.
  const acting = new Set(states.filter(({ state }) => state !== 'armed').map(({ node }) => node));
  for (const { name } of nodes) {
    const isUp = world.isAlive(name) && world.nodes.get(name)?.isPaused !== true;
    if (!isUp) expect(acting).toContain(name);
    for (const peer of nodes) {
      if (acting.size === 0) expect(world.faults.passes(name, peer.name)).toBe(true);
    }
  }
}

async function requireWhole(one: FaultWorld): Promise<void> {
  expect(one.lab.world.faults.all()).toEqual([]);
  requireDeadMen(one);
  for (const node of one.nodes) expect((await one.lab.observe(node)).state).toBe('running');
}

interface Lived {
  calls: number;
  end: 'ended' | 'killed';
}

async function live(
  [kind, targets, set]: (typeof faults)[number],
  behaviour: FakeFaultBehaviour,
  at: number,
  ending: Ending,
): Promise<Lived> {
  const one = await faultWorld();
  one.lab.world.faults.script = () => behaviour;
  const operator = new AbortController();
  const { port, calls, violations } = watchedPort(one, at, ending, operator);
  const fault = one.compile(kind, targets, set, 'f1', '35s');
  const { observe } = one.lab;
  const lab = { observe, faults: port };
  const ran = runFault(one.setting(fault, { lab, signal: operator.signal }));
  // A killed process never ends its call: when nothing is left to do it is over.
  const end = await Promise.race([
    ran.then(
      () => 'ended' as const,
      () => 'ended' as const,
    ),
    one.clock.sleep(1_000_000).then(() => 'killed' as const),
  ]);
  if (end === 'killed') expect(ending).toMatch(/^kill/);
  expect(violations).toEqual([]);
  // What cannot be healed, or is left by a killed owner, is the dead-man's.
  if (behaviour.healError !== undefined) await one.clock.sleep(LONGEST_TTL_MS);
  await requireWhole(one);
  return { calls: calls(), end };
}

describe('no fault outlives its dead-man', () => {
  test.each(faults)(
    'whatever port call of %s on "%s" with %j its owner is killed at, or told to stop',
    async (...fault) => {
      const { calls } = await live(fault, {}, -1, 'none');
      expect(calls).toBeGreaterThan(20);
      let killed = 0;
      for (let at = 0; at < calls; at++) {
        for (const ending of ['kill-before', 'kill-after', 'abort'] as const) {
          const { end } = await live(fault, {}, at, ending);
          if (end === 'killed') killed++;
        }
      }
      expect(killed).toBe(2 * calls);
    },
  );

  test('with any misbehaviour of the lab, at any moment', async () => {
    const behaviour = fc.record<FakeFaultBehaviour>(
      {
        armError: fc.constant('no'),
        injectError: fc.constant('no'),
        extendError: fc.constant('no'),
        healError: fc.constant('no'),
        ignoresInjection: fc.boolean(),
        countsNothing: fc.boolean(),
        isLostAfterMs: fc.integer({ min: 0, max: 40_000 }),
        alsoCuts: fc.constant(['n3']),
        healsLateMs: fc.integer({ min: 0, max: 30_000 }),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...faults),
        behaviour,
        fc.integer({ min: 0, max: 60 }),
        fc.constantFrom<Ending>('kill-before', 'kill-after', 'abort', 'none'),
        async (fault, misbehaviour, at, ending) => {
          await live(fault, misbehaviour, at, ending);
        },
      ),
      { numRuns: 150 },
    );
  });
});
