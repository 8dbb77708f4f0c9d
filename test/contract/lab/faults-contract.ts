import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { AbortedError, LabError } from '../../../src/core/errors.ts';
import { waitFor } from '../../../src/core/wait.ts';
import type {
  FaultAction,
  FaultActionKind,
  FaultLease,
  FaultPort,
  FaultState,
  PairProbe,
} from '../../../src/lab/faults.ts';
import type { Lab } from '../../../src/lab/lab.ts';
import type { TopologyNode } from '../../../src/topology/topology.ts';

export interface FaultLabUnderTest {
  lab: Lab & { faults: FaultPort };
  /** Three nodes or more that run; they need not talk to each other. */
  nodes: TopologyNode[];
  /** The clock of the lab's dead-men. */
  clock: Clock;
  /** A configuration file that the nodes have, as they see it. Needed where `config` can be done. */
  configPath?: string;
  /** What `monitoring-gone` is tried on. Needed where that can be done. */
  monitoring?: TopologyNode;
  dispose(): Promise<void>;
}

/** Long enough for arming, injecting and a look on a busy machine. */
const TTL_MS = 20_000;
/** Of faults that are left to their dead-man. */
const SHORT_TTL_MS = 4000;
const WAIT_MS = 30_000;

/** What the port promises of faults, on every lab and for each action that the lab can do. */
export function faultsContract(name: string, makeLab: () => Promise<FaultLabUnderTest>): void {
  describe(`faults contract: ${name}`, { timeout: 120_000 }, () => {
    let subject: FaultLabUnderTest;
    let faults: FaultPort;
    let victim: TopologyNode;
    let peer: TopologyNode;
    let other: TopologyNode;
    let able: Awaited<ReturnType<FaultPort['capabilities']>>;
    let count = 0;

    beforeAll(async () => {
      subject = await makeLab();
      ({ faults } = subject.lab);
      [victim, peer, other] = subject.nodes as [TopologyNode, TopologyNode, TopologyNode];
      able = await faults.capabilities();
    }, 300_000);
    afterAll(() => subject.dispose());

    const actions = (): Record<FaultActionKind, FaultAction> => ({
      cut: {
        kind: 'cut',
        rules: [
          { direction: 'in', peer: peer.name, verdict: 'drop' },
          { direction: 'out', peer: peer.name, verdict: 'drop' },
        ],
      },
      shape: { kind: 'shape', rules: [{ peer: peer.name, delayMs: 150 }] },
      dns: { kind: 'dns' },
      pause: { kind: 'pause' },
      down: { kind: 'down', signal: 'SIGKILL', data: 'keep' },
      'disk-full': { kind: 'disk-full' },
      clock: { kind: 'clock', offsetMs: 90_000 },
      cpu: { kind: 'cpu', share: 0.2 },
      memory: { kind: 'memory', limitBytes: 256 * 1024 * 1024 },
      config: { kind: 'config', path: subject.configPath ?? '' },
      'monitoring-gone': { kind: 'monitoring-gone' },
    });
    const lease = (action: FaultAction, ttlMs = TTL_MS): FaultLease => {
      const target = action.kind === 'monitoring-gone' ? subject.monitoring : victim;
      if (!target) throw new Error('the lab under test names no monitoring, though it can take it away');
      if (action.kind === 'config' && action.path === '') throw new Error('the lab under test names no configuration');
      return { id: `contract-${count++}`, node: target, action, ttlMs };
    };
    const skipUnlessAble = (context: TestContext, ...kinds: FaultActionKind[]): void => {
      for (const kind of kinds) if (able[kind] !== true) context.skip(`${kind}: ${able[kind]}`);
    };
    const anyAction = (): FaultAction => {
      const found = Object.values(actions()).find(({ kind }) => able[kind] === true && kind !== 'monitoring-gone');
      if (!found) throw new Error('the lab can do nothing to a node');
      return found;
    };
    const wait = (what: string, isSo: () => Promise<boolean>): Promise<true> =>
      waitFor(async () => ((await isSo()) ? true : undefined), {
        clock: subject.clock,
        what,
        timeoutMs: WAIT_MS,
        intervalMs: 100,
      });
    const seen = async (work: (probes: PairProbe[]) => boolean, what: string): Promise<void> => {
      const watch = await faults.watchPairs(subject.nodes);
      try {
        await wait(what, async () => work(await watch.look()));
      } finally {
        await watch.close();
      }
    };
    const pairOf = (probes: PairProbe[], from: TopologyNode, to: TopologyNode): PairProbe => {
      const found = probes.find((probe) => probe.from === from.name && probe.to === to.name);
      if (!found) throw new Error(`nothing was seen of ${from.name} → ${to.name}`);
      return found;
    };
    const isWhole = (probes: PairProbe[]): boolean =>
      probes.length === subject.nodes.length * (subject.nodes.length - 1) &&
      probes.every(({ fresh, established }) => fresh === 'ok' && established === 'ok');
    const isUp = async (node: TopologyNode): Promise<boolean> => (await subject.lab.observe(node)).state === 'running';
    const inEffect = async (one: FaultLease): Promise<FaultState> => {
      await faults.inject(one.node, one.id);
      return faults.inspect(one.node, one.id);
    };
    /** What the world must show while the action acts, beside what the port says of it. */
    const actsOnTheWorld = async ({ kind }: FaultAction): Promise<void> => {
      if (kind === 'pause') await wait(`${victim.name} to stand still`, async () => !(await isUp(victim)));
      if (kind === 'down') {
        await wait(`${victim.name} to be down`, async () => (await subject.lab.observe(victim)).state === 'stopped');
      }
    };
    const isAsBefore = async ({ kind }: FaultAction): Promise<void> => {
      if (kind !== 'monitoring-gone') await wait(`${victim.name} to run`, () => isUp(victim));
      await seen(isWhole, 'all pairs to reach each other');
    };
    const nothingIsLeft = async (one: FaultLease): Promise<void> => {
      expect(await faults.list()).toEqual([]);
      expect((await faults.inspect(one.node, one.id)).state).toBe('absent');
    };

    test('before any fault all pairs reach each other, and nothing is listed', async () => {
      await seen(isWhole, 'all pairs to reach each other');
      expect(await faults.list()).toEqual([]);
    });

    describe.each([
      'cut',
      'shape',
      'dns',
      'pause',
      'down',
      'disk-full',
      'clock',
      'cpu',
      'memory',
      'config',
      'monitoring-gone',
    ] as const)('%s', (kind) => {
      test('is armed without effect, acts once injected, and is gone after its heal', async (context) => {
        skipUnlessAble(context, kind);
        const action = actions()[kind];
        const one = lease(action);
        await faults.arm(one);
        const armed = await faults.list();
        expect(armed).toMatchObject([{ id: one.id, node: one.node.name, kind, state: 'armed' }]);
        expect(armed[0]?.remainingMs).toBeGreaterThan(0);
        expect(armed[0]?.remainingMs).toBeLessThanOrEqual(TTL_MS);
        if (kind !== 'monitoring-gone') expect(await isUp(victim)).toBe(true);

        expect(await inEffect(one)).toMatchObject({ id: one.id, state: 'injected', kind });
        // Injecting what acts already changes nothing.
        const again = await inEffect(one);
        expect(again.state).toBe('injected');
        expect(Object.keys(again.effect)).not.toEqual([]);
        await actsOnTheWorld(action);

        await faults.extend(one.node, one.id, 2 * TTL_MS);
        expect((await faults.inspect(one.node, one.id)).remainingMs).toBeGreaterThan(TTL_MS);

        await faults.heal(one.node, one.id);
        await nothingIsLeft(one);
        await faults.heal(one.node, one.id);
        await isAsBefore(action);
      });

      test('is undone by its dead-man when nobody heals it', async (context) => {
        skipUnlessAble(context, kind);
        const action = actions()[kind];
        const one = lease(action, SHORT_TTL_MS);
        await faults.arm(one);
        expect(await inEffect(one)).toMatchObject({ state: 'injected' });
        await wait('the dead-man to undo it', async () => (await faults.list()).length === 0);
        await nothingIsLeft(one);
        await isAsBefore(action);
      });
    });

    test('what the lab cannot do is refused with the reason', async (context) => {
      const lacks = Object.entries(actions()).filter(([kind]) => able[kind as FaultActionKind] !== true);
      if (lacks.length === 0) context.skip('this lab can do everything to its nodes');
      for (const [kind, action] of lacks) {
        const refused = await faults
          .arm({ id: `contract-${count++}`, node: victim, action, ttlMs: TTL_MS })
          .catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(LabError);
        expect((refused as Error).message).toContain(able[kind as FaultActionKind]);
      }
      expect(await faults.list()).toEqual([]);
    });

    test('a cut blocks new and established flows of its pair, counts what it drops, and leaves the others alone', async (context) => {
      skipUnlessAble(context, 'cut');
      const one = lease(actions().cut);
      const watch = await faults.watchPairs(subject.nodes);
      try {
        expect(isWhole(await watch.look())).toBe(true);
        await faults.arm(one);
        expect(isWhole(await watch.look())).toBe(true);
        await faults.inject(one.node, one.id);
        await wait('the pair to be cut', async () => {
          const probes = await watch.look();
          const cut = [pairOf(probes, victim, peer), pairOf(probes, peer, victim)];
          const rest = probes.filter((probe) => !cut.includes(probe));
          return (
            cut.every(({ fresh, established }) => fresh === 'blocked' && established === 'blocked') &&
            rest.length > 0 &&
            rest.every(({ fresh, established }) => fresh === 'ok' && established === 'ok')
          );
        });
        const { effect } = await faults.inspect(one.node, one.id);
        expect(Object.values(effect).some((value) => typeof value === 'number' && value > 0)).toBe(true);
        await faults.heal(one.node, one.id);
        // The very flows that were cut deliver again.
        await wait('the pair to be whole again', async () => isWhole(await watch.look()));
      } finally {
        await faults.heal(one.node, one.id);
        await watch.close();
      }
    });

    test('a cut of one direction leaves established flows of the other alone', async (context) => {
      skipUnlessAble(context, 'cut');
      const one = lease({ kind: 'cut', rules: [{ direction: 'in', peer: peer.name, verdict: 'drop' }] });
      await faults.arm(one);
      await faults.inject(one.node, one.id);
      await seen(
        (probes) =>
          pairOf(probes, peer, victim).established !== 'ok' && pairOf(probes, peer, other).established === 'ok',
        `${peer.name} → ${victim.name} to be cut`,
      );
      await faults.heal(one.node, one.id);
      await seen(isWhole, 'all pairs to reach each other');
    });

    test('a delay is in the round trip of its pair and of no other', async (context) => {
      skipUnlessAble(context, 'shape');
      const one = lease(actions().shape);
      await faults.arm(one);
      await faults.inject(one.node, one.id);
      await seen((probes) => {
        const roundTrip = (from: TopologyNode, to: TopologyNode): number => pairOf(probes, from, to).roundTripMs ?? 0;
        const others = [roundTrip(victim, other), roundTrip(peer, other)];
        const slow = [roundTrip(victim, peer), roundTrip(peer, victim)];
        return slow.every((ms) => ms >= 140) && others.every((ms) => ms > 0 && ms < 140);
      }, 'the delay');
      await faults.heal(one.node, one.id);
      await seen((probes) => (pairOf(probes, victim, peer).roundTripMs ?? Infinity) < 140, 'the delay to be gone');
    });

    test('a second fault with the same id, or of the same kind on the same node, is refused', async () => {
      const action = anyAction();
      const one = lease(action);
      await faults.arm(one);
      await expect(faults.arm(one)).rejects.toThrow(LabError);
      const refused = await faults.arm(lease(action)).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(LabError);
      expect((refused as Error).message).toContain(victim.name);
      expect(await faults.list()).toMatchObject([{ id: one.id, state: 'armed' }]);
      await faults.heal(one.node, one.id);
      expect(await faults.list()).toEqual([]);
    });

    test('the same kind on two nodes at once is healed one by one', async () => {
      const action = anyAction();
      const one = lease(action);
      const two = { ...lease(action), node: other };
      await faults.arm(one);
      await faults.arm(two);
      expect((await faults.list()).map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
      await faults.heal(one.node, one.id);
      expect(await faults.list()).toMatchObject([{ id: two.id, state: 'armed' }]);
      await faults.heal(two.node, two.id);
      expect(await faults.list()).toEqual([]);
    });

    test('what is not there cannot be injected or extended, and its heal succeeds', async () => {
      expect((await faults.inspect(victim, 'never-armed')).state).toBe('absent');
      await expect(faults.inject(victim, 'never-armed')).rejects.toThrow(LabError);
      await expect(faults.extend(victim, 'never-armed', TTL_MS)).rejects.toThrow(LabError);
      await faults.heal(victim, 'never-armed');
    });

    test('a call whose signal is aborted beforehand arms nothing', async () => {
      const one = lease(anyAction());
      await expect(faults.arm(one, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
      expect(await faults.list()).toEqual([]);
    });
  });
}
