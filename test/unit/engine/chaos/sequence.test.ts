import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chaosStages, stepNumbers } from '../../../../src/engine/chaos/chaos-stages.ts';
import { drawableKinds } from '../../../../src/engine/chaos/draw-fault.ts';
import { drawSequence, type SequenceRequest } from '../../../../src/engine/chaos/sequence.ts';
import { compileFault } from '../../../../src/faults/compile-fault.ts';
import { faultKinds } from '../../../../src/faults/fault-spec.ts';
import { quorumBudget } from '../../../../src/gates/quorum-budget.ts';
import { impairedNodes } from '../../../../src/engine/faults/planned-fault.ts';
import { UsageError } from '../../../../src/core/errors.ts';
import type { FaultActionKind } from '../../../../src/lab/faults.ts';
import type { FaultGround, RunbookContext, RunbookStage } from '../../../../src/engine/runbook.ts';
import chaos from '../../../../runbooks/chaos.ts';
import { completeParameters } from '../../../../src/engine/planning/complete-parameters.ts';
import { drawSeeds } from '../../../../src/engine/planning/draw-seeds.ts';
import { faultTestnet } from '../../../helpers/fault-testnet.ts';

const actions: FaultActionKind[] = ['cut', 'shape', 'dns', 'pause', 'down', 'disk-full', 'clock', 'cpu', 'memory'];
const able = Object.fromEntries(
  [...actions, 'config', 'monitoring-gone'].map((action) => [action, true]),
) as FaultGround['capabilities'];

function ground(powers: readonly number[], lab: 'process' | 'docker' = 'process'): FaultGround {
  return { topology: { ...faultTestnet({ powers }).topology, lab }, capabilities: able };
}

const request = fc
  .record({
    powers: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 8 }),
    seed: fc.nat(),
    mayHalt: fc.boolean(),
    versionCount: fc.integer({ min: 0, max: 3 }),
  })
  .filter(({ powers }) => powers.some((power) => power > 0))
  .map(({ powers, seed, mayHalt, versionCount }): SequenceRequest => ({
    ground: ground(powers),
    kinds: faultKinds.filter((kind) => !kind.endsWith('-gone')),
    seed,
    mayHalt,
    versionCount,
    forMs: 120_000,
    holdMs: 10_000,
  }));

describe('a drawn sequence', () => {
  test('never goes beyond what the testnet can bear, neither with its faults nor with changes under them', () => {
    let faults = 0;
    let both = 0;
    fc.assert(
      fc.property(request, (given) => {
        const { topology } = given.ground;
        for (const { fault, change } of drawSequence(given)) {
          const names = topology.nodes.map(({ name }) => name);
          // Throws for what it refuses.
          const compiled = fault && compileFault(fault, { topology }, 'again');
          if (compiled) faults++;
          if (compiled && !given.mayHalt) expect(compiled.quorum.outcome).toBe('goes-on');
          if (!change) continue;
          const out = compiled ? impairedNodes(compiled, names) : [];
          if (out.length > 0) both++;
          expect(out).not.toContain(change.node);
          // A node that is started anew loses what acts on it.
          for (const { node } of compiled?.leases ?? []) expect(node.name).not.toBe(change.node);
          const nodes = topology.nodes.map(({ name, votingPower }) => ({
            name,
            power: votingPower,
            state: out.includes(name) ? ('faulted' as const) : ('ok' as const),
          }));
          expect(quorumBudget({ rule: topology.quorum, nodes, take: [change.node] }).isSafe).toBe(true);
        }
      }),
      { seed: 11, numRuns: 150 },
    );
    expect(faults).toBeGreaterThan(500);
    expect(both).toBeGreaterThan(20);
  });

  test('is the same for the same seed, another for another, and a longer one begins with the shorter', () => {
    fc.assert(
      fc.property(request, (given) => {
        const drawn = drawSequence(given);
        expect(drawSequence(given)).toEqual(drawn);
        const longer = drawSequence({ ...given, forMs: 240_000 });
        expect(longer.slice(0, drawn.length)).toEqual(drawn);
      }),
      { seed: 12, numRuns: 60 },
    );
    const of = (seed: number) =>
      drawSequence({
        ground: ground([1, 1, 1, 1]),
        kinds: faultKinds.filter((kind) => !kind.endsWith('-gone')),
        seed,
        mayHalt: false,
        versionCount: 2,
        forMs: 120_000,
        holdMs: 10_000,
      });
    expect(new Set([1, 2, 3, 4].map((seed) => JSON.stringify(of(seed)))).size).toBe(4);
  });

  test('has no kind that the lab lacks', () => {
    const lacking = { ...ground([1, 1, 1, 1]), capabilities: { ...able, dns: 'no names here', clock: 'no' } };
    const kinds = drawableKinds(lacking, faultKinds);
    expect(kinds).toContain('pause');
    expect(kinds).not.toContain('dns');
    expect(kinds).not.toContain('clock');
  });
});

function context(set: Record<string, string> = {}): RunbookContext {
  const { topology } = ground([1, 1, 1, 1]);
  return {
    testnet: 'paper',
    nodes: topology.nodes.map(({ name, role, startOrder, votingPower, flags }) => ({
      ...{ name, role, startOrder, votingPower, flags },
      version: '1.0.0',
      state: 'running',
    })),
    releases: ['1.0.0', '1.1.0', '1.2.0-bad'],
    toggles: {},
    gate: 'smoke',
    parameters: completeParameters(chaos, { seed: '5', ...set }),
    history: [],
    traffic: true,
    faults: { topology, capabilities: able },
  };
}

const numberOf = ({ id }: RunbookStage): number => Number(id.split('-')[0]);

describe('the runbook chaos', () => {
  test('does the steps that are named, as they stand in the whole sequence', () => {
    const all = chaosStages(context());
    expect(stepNumbers(all.map(({ id }) => id)).length).toBeGreaterThan(8);
    for (const number of [2, 5, 7]) {
      const only = chaosStages(context({ steps: String(number) }));
      const kinds = ({ kind }: RunbookStage) => kind !== 'change';
      expect(only.filter(kinds)).toEqual(all.filter((stage) => numberOf(stage) === number && kinds(stage)));
      expect(only.map(({ id }) => id)).toEqual(all.flatMap((stage) => (numberOf(stage) === number ? stage.id : [])));
    }
  });

  test('moves every node away from the release that it runs by then, and only to those without a suffix', () => {
    const running = new Map(context().nodes.map(({ name, version }) => [name, version]));
    const changes = chaosStages(context({ for: '20m' })).flatMap((stage) =>
      stage.kind === 'change' ? stage.changes : [],
    );
    expect(changes.length).toBeGreaterThan(10);
    for (const { node, version } of changes) {
      expect(version).not.toBe(running.get(node));
      expect(version).not.toBe('1.2.0-bad');
      running.set(node, version);
    }
  });

  test('fills no disk of a container by itself, whose engine would start it again without the fault', () => {
    const kinds = (lab: 'process' | 'docker', set: Record<string, string> = {}): Set<string> => {
      const stages = chaosStages({ ...context({ for: '30m', ...set }), faults: ground([1, 1, 1, 1], lab) });
      return new Set(stages.flatMap((stage) => (stage.kind === 'fault' ? stage.fault.kind : [])));
    };
    expect(kinds('process')).toContain('disk-full');
    expect(kinds('docker')).toContain('pause');
    expect(kinds('docker')).not.toContain('disk-full');
    expect(kinds('docker', { kinds: 'disk-full' })).toContain('disk-full');
  });

  test('gets a seed that its plan names when none is given', () => {
    const drawn = drawSeeds(chaos, completeParameters(chaos, {}))['seed'] ?? '';
    expect(drawn).toMatch(/^\d+$/);
    expect(chaosStages(context({ seed: drawn }))).toEqual(chaosStages(context({ seed: drawn })));
  });

  test.each([
    [{ seed: 'x' }, /seed cannot be "x"/],
    [{ steps: '1,999' }, /steps cannot name "999": this sequence has the steps 1 to \d+/],
    [{ kinds: 'paus' }, /kinds names paus, which is no fault.*pause/],
    [{ versions: '9' }, /versions names 9/],
    [{ versions: '1.0.0,1.1.0, 1.0.0' }, /versions names 1\.0\.0 twice/],
    [{ kinds: 'none', versions: 'none' }, /can bear nothing/],
  ])('refuses %j', (set, words) => {
    expect(() => chaosStages(context(set))).toThrow(UsageError);
    expect(() => chaosStages(context(set))).toThrow(words);
  });

  test('refuses a time that a thousand steps do not fill, and names one that they do, which is then planned quickly', () => {
    const planOf = (length: string): number =>
      stepNumbers(chaosStages(context({ for: length })).map(({ id }) => id)).length;
    let refusal: unknown;
    try {
      planOf('24h');
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(UsageError);
    const { message } = refusal as UsageError;
    expect(message).toMatch(/^for is too long: a sequence has 1000 steps at most, which with seed=5 and hold=10s/);
    const longest = /take for=(\d+)m/.exec(message)?.[1] ?? '';
    const startedMs = performance.now();
    const count = planOf(`${longest}m`);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(count).toBeGreaterThan(980);
    expect(count).toBeLessThanOrEqual(1000);
    expect(() => planOf(`${Number(longest) + 1}m`)).toThrow(UsageError);
  });

  test('refuses a testnet without traffic, on which no write could be lost, and says why there is none', () => {
    const silent = (): unknown => chaosStages({ ...context(), traffic: 'the testnet file says so' });
    expect(silent).toThrow(UsageError);
    expect(silent).toThrow(/no acknowledged write is lost, and paper would have none: the testnet file says so/);
  });
});
