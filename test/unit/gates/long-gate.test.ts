import { describe, expect, test } from 'vitest';
import { hashOf } from '../../../src/core/canonical.ts';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import type { GateRequest } from '../../../src/gates/gate-requests.ts';
import { judgedSlots, segmentLength, type GateSegment } from '../../../src/gates/gate-segment.ts';
import type { GateProfile } from '../../../src/gates/profiles.ts';
import { beginUpgrade, roundTrip, upgrade } from '../../helpers/gate-run.ts';
import { gateWorld, shortTimings, type GateWorld } from '../../helpers/gate-world.ts';

/** 15 s slots make segments of the least length, 60 slots. */
const soak: GateProfile = shortTimings({
  intervalMs: 15_000,
  windowSlots: 200,
  fullSlots: 200,
  tailSlots: 20,
  settleMs: 30_000,
  deadlineMs: 800 * 15_000,
});

const progress = { maxStallMs: 60_000, maxLag: 100, minPeers: (count: number) => count - 2 };

function shelf(): {
  stored: { hash: string; segment: GateSegment }[];
  store: (segment: GateSegment) => Promise<string>;
} {
  const stored: { hash: string; segment: GateSegment }[] = [];
  return {
    stored,
    store: async (segment) => {
      const copy = JSON.parse(JSON.stringify(segment)) as GateSegment;
      stored.push({ hash: hashOf(copy), segment: copy });
      return hashOf(copy);
    },
  };
}

/** A soak of node-0 with two bad slots and a lab that once could not be asked. */
async function soakWorld(): Promise<GateWorld> {
  return gateWorld({ profile: { progress } });
}

async function until(world: GateWorld, promise: Promise<unknown>, limitMs = 900 * 15_000): Promise<void> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  promise.then(settle, settle);
  for (let passed = 0; passed < limitMs && !isSettled; passed += 1000) await world.clock.advance(1000);
}

async function spoiledSoak(store?: (segment: GateSegment) => Promise<string>) {
  const world = await soakWorld();
  const keeper = world.keeper({ timings: soak, ...(store && { storeSegment: (_gate, segment) => store(segment) }) });
  const { result } = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
  await world.clock.advance(100 * 15_000);
  world.show('node-0', { peers: 0 });
  await world.clock.advance(2 * 15_000);
  world.show('node-0', { peers: 3 });
  await until(world, result);
  const { verdict, evidence } = await result;
  await keeper.close();
  return { world, verdict, evidence };
}

describe('a long gate', () => {
  test('gives from its segments the verdict that all readings give', async () => {
    const { stored, store } = shelf();
    const compact = await spoiledSoak(store);
    const full = await spoiledSoak();
    expect(full.evidence.slots.length).toBeGreaterThan(200);
    expect(compact.verdict).toEqual(full.verdict);
    expect(compact.verdict).toMatchObject({ kind: 'PASS', cause: 'window-full' });
    expect(compact.evidence.slots).toHaveLength(1);
    expect(stored.length).toBeGreaterThanOrEqual(3);
    expect(compact.evidence.segments).toEqual(stored.map(({ hash }) => hash));
    const segments = stored.map(({ segment }) => segment);
    const evidence = roundTrip(compact.evidence);
    expect(recomputeVerdict(evidence, undefined, segments)).toEqual(compact.verdict);
    expect(recomputeVerdict(roundTrip(full.evidence))).toEqual(full.verdict);
  });

  test('keeps readings around what was not OK and at its ends, and no others', async () => {
    const { stored, store } = shelf();
    const { evidence } = await spoiledSoak(store);
    const [first, second, third] = stored.map(({ segment }) => segment);
    // While the node settles nobody compares blocks with it; that this ends after three slots is a change.
    expect(first?.readings.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const peers = second?.tracks.find(({ check }) => check === 'peers');
    expect(peers?.marks).toMatch(/^\+\d+-2\+\d+$/);
    const badAt = Number(/^\+(\d+)-/.exec(peers?.marks ?? '')?.[1]);
    expect(second?.readings.map(({ at }) => at)).toEqual(
      [-3, -2, -1, 0, 1, 2, 3, 4, 5].map((offset) => badAt + offset),
    );
    expect(peers?.details).toEqual([{ at: badAt, detail: '0 peers, 2 are wanted' }]);
    expect(third?.readings).toEqual([]);
    expect(evidence.rest?.readings.length).toBeGreaterThan(0);
  });

  test('notices segments that were taken away, exchanged or edited', async () => {
    const { stored, store } = shelf();
    const { verdict, evidence } = await spoiledSoak(store);
    const segments = stored.map(({ segment }) => segment);
    expect(() => recomputeVerdict(evidence, undefined, segments.slice(1))).toThrow('names 3 segments, 2 are there');
    expect(() => recomputeVerdict(evidence, undefined, segments.toReversed())).toThrow('segment 0 of gate');
    const edited = structuredClone(segments);
    const track = edited[2]?.tracks.find(({ check }) => check === 'liveness');
    if (!track) throw new Error('no liveness was recorded');
    track.marks = '+20-1+39';
    track.details = [{ at: 20, detail: 'no answer' }];
    const again = (() => {
      try {
        return recomputeVerdict(evidence, undefined, edited).kind;
      } catch (error) {
        return String(error);
      }
    })();
    expect(verdict.kind).toBe('PASS');
    expect(again).not.toBe('PASS');
  });

  test('goes on in another process with what was counted, and keeps its deadline', async () => {
    const { stored, store } = shelf();
    const world = await soakWorld();
    const storeSegment = (_gate: string, segment: GateSegment): Promise<string> => store(segment);
    const killed = world.keeper({ timings: soak, storeSegment });
    const begunAtMs = world.clock.wallMs();
    const { result } = await beginUpgrade(world, killed, 'node-0', '1.1.0');
    const cut = expect(result).rejects.toThrow('closed');
    await world.clock.advance(130 * 15_000);
    await killed.close();
    await cut;
    expect(stored).toHaveLength(2);
    await world.clock.advance(10 * 15_000);

    const another = world.keeper({ timings: soak, storeSegment });
    const request: GateRequest = {
      gateId: 'gate-node-0',
      nodes: [world.node('node-0')],
      resume: { segments: [...stored] },
    };
    const resumed = another.gate(request);
    await until(world, resumed);
    const { verdict, evidence } = await resumed;
    expect(verdict.kind).toBe('PASS');
    const tookMs = world.clock.wallMs() - begunAtMs;
    expect(Math.abs(verdict.elapsedMs - tookMs)).toBeLessThan(2_000);
    expect(verdict.slots).toBeGreaterThanOrEqual(200);
    const liveness = verdict.checks.find(({ check }) => check === 'liveness');
    // What was not stored, and the time in which nobody looked, was missed.
    expect(liveness?.unknown).toBeGreaterThanOrEqual(15);
    expect(liveness?.unknown).toBeLessThan(30);
    expect(evidence.segments).toHaveLength(stored.length);
    const segments = stored.map(({ segment }) => segment);
    expect(recomputeVerdict(roundTrip(evidence), undefined, segments)).toEqual(verdict);
    await another.close();
  });

  test('fails when a segment cannot be stored', async () => {
    const { world, result } = await (async () => {
      const world = await soakWorld();
      const storeSegment = (): Promise<string> => Promise.reject(new Error('the disk is full'));
      const keeper = world.keeper({ timings: soak, storeSegment });
      return { world, ...(await beginUpgrade(world, keeper, 'node-0', '1.1.0')) };
    })();
    const refused = expect(result).rejects.toThrow('the disk is full');
    await until(world, result);
    await refused;
  });

  test('loses nothing of what its slots were judged to be', async () => {
    const { stored, store } = shelf();
    const { evidence } = await spoiledSoak(store);
    const segments = [...stored.map(({ segment }) => segment), ...(evidence.rest ? [evidence.rest] : [])];
    const slots = segments.flatMap((segment) => [...judgedSlots(segment)]);
    expect(slots).toHaveLength(segments.reduce((sum, segment) => sum + segmentLength(segment), 0));
    for (const [index, slot] of slots.entries()) {
      const before = slots[index - 1];
      // The grid begins anew when the identity was seen.
      if (before && index > 1) expect(slot.elapsedMs - before.elapsedMs).toBe(15_000);
      expect(slot.nodes.get('node-0')?.samples.length).toBeGreaterThan(5);
      expect(slot.nodes.get('node-0')?.standing.established?.instance).toBeDefined();
    }
    const bad = slots.filter(({ nodes }) => nodes.get('node-0')?.samples.some((sample) => sample?.state === 'BAD'));
    expect(bad).toHaveLength(2);
  });
});

describe('evidence', () => {
  test('holds the rules, so that a profile that is edited later changes no verdict', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const { verdict, evidence } = await upgrade(world, keeper, 'node-0', '1.1.0');
    const edited = { ...world.profile, progress: { ...progress, minPeers: () => 99 } };
    expect(recomputeVerdict(roundTrip(evidence), edited)).toEqual(verdict);
    const old = roundTrip(evidence);
    delete old.system;
    expect(recomputeVerdict(old, world.profile)).toEqual(verdict);
    expect(recomputeVerdict(old, edited).kind).toBe('FAIL');
    expect(() => recomputeVerdict(old)).toThrow('does not hold the rules');
    await keeper.close();
  });

  test('of a guard gives the verdict with which it ended', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    await world.clock.advance(20_000);
    await world.lab.stop(world.node('node-1'));
    await world.clock.advance(5000);
    const { guardFailure } = keeper;
    expect(guardFailure).toMatchObject({ node: 'node-0', check: 'peers', kind: 'FAIL' });
    if (!guardFailure?.evidence) throw new Error('the guard has no evidence');
    expect(guardFailure.verdict.slots).toBeGreaterThan(40);
    expect(recomputeVerdict(roundTrip(guardFailure.evidence))).toEqual(guardFailure.verdict);
    await keeper.close();
  });
});
