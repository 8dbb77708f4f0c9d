import { describe, expect, test } from 'vitest';
import { GateJudge, type GateInput } from '../../../src/gates/gate-judge.ts';
import { intendedNode } from '../../../src/gates/identity-check.ts';
import type { NodeReading, SlotReading } from '../../../src/gates/readings.ts';
import { networkFacts } from '../../../src/gates/slot-facts.ts';
import type { JudgedNode } from '../../../src/gates/watched-node.ts';
import type { Decision } from '../../../src/gates/decision.ts';
import { digestOf, gateWorld, shortTimings, worldNode } from '../../helpers/gate-world.ts';

const { profile, topology } = await gateWorld({ nodeCount: 1, topology: { quorum: 'none' } });
const node = worldNode(0, '1.1.0');
const startedAtMs = 1_000_000;

function judge(judged: Partial<JudgedNode> = {}, input: Partial<GateInput> = {}): GateJudge {
  return new GateJudge(
    {
      gateId: 'gate',
      kind: 'gate',
      profile: shortTimings(),
      network: networkFacts(topology),
      nodes: [{ name: 'node-0', intended: intendedNode(node), actionAtMs: startedAtMs, ...judged }],
      hasPrometheus: false,
      watchesQuorum: true,
      startedAtMs,
      startedMonoMs: 0,
      ...input,
    },
    profile,
  );
}

interface Seen {
  height?: number;
  digest?: string;
  startedAtMs?: number;
  isAlive?: boolean;
}

function reading(slot: number, monoMs: number, seen: Seen = {}): SlotReading {
  const status = { version: '1.1.0', height: seen.height ?? 100 + monoMs / 100 };
  const only: NodeReading = {
    observation: {
      ok: true,
      value: {
        node: 'node-0',
        state: 'running',
        identity: {
          digest: seen.digest ?? digestOf('1.1.0'),
          command: ['--id', 'node-0'],
          generation: 'generation-1.1.0',
          startedAtMs: seen.startedAtMs ?? startedAtMs,
          instance: 'new',
          pid: 1,
        },
      },
    },
    liveness: seen.isAlive === false ? { ok: false, error: 'refused' } : { ok: true },
    status: { ok: true, value: status },
  };
  return { slot, atMs: startedAtMs + monoMs, monoMs, leftOut: [], nodes: { 'node-0': only } };
}

/** Slots of half a second from `fromMonoMs` on; returns the last decision. */
function push(gate: GateJudge, slots: readonly number[], seen: Seen = {}): Decision {
  let decision: Decision = { kind: 'continue' };
  for (const slot of slots) decision = gate.push(reading(slot, 100 + slot * 500, seen));
  return decision;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

describe('the judge', () => {
  test('goes from identity to settling with the first look that is right, and observes when it has settled', () => {
    const gate = judge();
    expect(gate.pushIdentity(reading(0, 0, { isAlive: false }))).toEqual({ kind: 'continue' });
    expect(gate.phase).toBe('identity');
    gate.pushIdentity(reading(1, 100));
    expect(gate.phase).toBe('settle');
    push(gate, [0, 1]);
    expect(gate.phase).toBe('settle');
    push(gate, [2]);
    expect(gate.phase).toBe('observe');
    expect(push(gate, range(3, 9)).kind).toBe('continue');
    expect(push(gate, [9]).kind).toBe('PASS');
  });

  test('takes slots that were missed for UNKNOWN', () => {
    const gate = judge();
    gate.pushIdentity(reading(0, 0));
    push(gate, range(0, 6));
    expect(push(gate, [9]).kind).toBe('continue');
    // 2, 3, 4, 5 were seen, 6, 7, 8 missed: the window is full, but not known well enough.
    expect(gate.progress().slot).toBe(8);
    expect(push(gate, range(10, 16)).kind).toBe('continue');
    // Slot 8 leaves the window with slot 16.
    const decision = push(gate, [16]);
    expect(decision.kind).toBe('PASS');
    const verdict = gate.verdict(decision as Exclude<Decision, { kind: 'continue' }>);
    expect(new Set(verdict.checks.map(({ slots }) => slots))).toEqual(new Set(['++++???++++++++']));
  });

  test('is held by a run of slots that were all missed', () => {
    const gate = judge();
    gate.pushIdentity(reading(0, 0));
    push(gate, range(0, 4));
    const before = reading(9, 4600);
    expect(gate.push({ ...before, nodes: {} })).toMatchObject({ kind: 'HOLD', cause: 'unknown-run' });
  });

  test('counts only work that what was meant to run has done', () => {
    const gate = judge({ heightBefore: 100 }, { profile: shortTimings({ deadlineMs: 8000 }) });
    gate.pushIdentity(reading(0, 0, { digest: digestOf('1.0.0'), isAlive: false, height: 500 }));
    gate.pushIdentity(reading(1, 100, { height: 90 }));
    expect(gate.phase).toBe('settle');
    let decision: Decision = { kind: 'continue' };
    // Below what there was before: it rises, but has done nothing new.
    for (let slot = 0; slot < 17; slot++)
      decision = gate.push(reading(slot, 100 + slot * 500, { height: 91 + slot / 2 }));
    expect(decision).toMatchObject({ kind: 'INCONCLUSIVE', cause: 'deadline-insufficient' });
    expect((decision as { reason: string }).reason).toContain('no progress since the action on node-0');
  });

  test('does not pass on a window that began before the node’s start was seen', () => {
    const late = judge();
    late.pushIdentity(reading(0, 1200));
    // Slots 2 to 9 are the first full window; slot 2 is of 1.1 s.
    expect(push(late, range(0, 10)).kind).toBe('continue');
    expect(push(late, [10]).kind).toBe('PASS');
  });

  test('takes no notice of what is set on the wall clock', () => {
    const gate = judge({ instanceBefore: 'old' });
    gate.pushIdentity(reading(0, 0));
    let decision: Decision = { kind: 'continue' };
    for (let slot = 0; slot < 10; slot++) {
      const jumpMs = slot < 4 ? 0 : slot < 7 ? -3_600_000 : 3_600_000;
      const seen = reading(slot, 100 + slot * 500);
      decision = gate.push({ ...seen, atMs: seen.atMs + jumpMs });
    }
    expect(decision.kind).toBe('PASS');
  });

  test('always decides when the deadline has passed, slots or not', () => {
    expect(judge().expire(startedAtMs + 30_000, 30_000)).toMatchObject({
      kind: 'INCONCLUSIVE',
      cause: 'deadline-no-data',
    });
    const observing = judge();
    observing.pushIdentity(reading(0, 0));
    push(observing, range(0, 5));
    expect(observing.expire(startedAtMs + 30_000, 30_000)).toMatchObject({ cause: 'deadline-insufficient' });
    expect(observing.expire(startedAtMs + 29_999, 29_999)).toEqual({ kind: 'continue' });
  });

  test('gives the identity a third of the deadline', () => {
    const gate = judge();
    const waiting = { digest: digestOf('1.0.0'), isAlive: false };
    expect(gate.pushIdentity(reading(0, 9_900, waiting)).kind).toBe('continue');
    const decision = gate.pushIdentity(reading(1, 10_000, waiting));
    expect(decision).toMatchObject({ kind: 'FAIL', cause: 'identity' });
    expect((decision as { reason: string }).reason).toMatch(/within 10 s: node-0 runs sha256/);
  });

  test('fails an old program that answers as soon as three slots are over', () => {
    const gate = judge();
    const old = { digest: digestOf('1.0.0') };
    for (const monoMs of [0, 100, 500, 900]) expect(gate.pushIdentity(reading(0, monoMs, old)).kind).toBe('continue');
    expect(gate.pushIdentity(reading(0, 1000, old))).toMatchObject({ kind: 'FAIL', cause: 'identity' });
  });

  test('says how far it is', () => {
    const gate = judge();
    gate.pushIdentity(reading(0, 0, { isAlive: false }));
    expect(gate.progress()).toEqual({
      nodes: ['node-0'],
      phase: 'identity',
      slot: 0,
      summary: 'node-0 runs what was meant, but does not answer: refused',
    });
    gate.pushIdentity(reading(1, 100));
    push(gate, range(0, 5));
    expect(gate.progress()).toEqual({
      nodes: ['node-0'],
      phase: 'observe',
      slot: 3,
      summary: '4 of 4 checks are OK; 3 of 8 slots',
    });
    push(gate, [5], { isAlive: false });
    expect(gate.progress().summary).toBe('3 of 4 checks are OK, not: liveness of node-0; 4 of 8 slots');
  });
});
