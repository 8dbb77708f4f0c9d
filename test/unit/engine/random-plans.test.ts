import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NodeTarget, OnFailure, RunbookStage } from '../../../src/engine/runbook.ts';
import { executeRun } from '../../../src/engine/run.ts';
import { RunState } from '../../../src/engine/run-state.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { runFolder } from '../../../src/journal/run-files.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { crashAndResume, type CrashPoint } from '../../helpers/crash.ts';
import { toggleWorld, type ToggleWorld } from '../../helpers/toggle-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];
const versions = ['1.0.0', '2.0.0', '3.0.0'];
/** Of four nodes with equal votes one may be away. */
const spare = 1;

interface Drawn {
  stages: RunbookStage[];
  onFailure: OnFailure;
  /** A node that does not work with a version. */
  fault: { node: string; version: string } | undefined;
}

/** A stage without its id, and what it leaves the network in. */
const stageKinds = fc.oneof(
  fc.record({
    kind: fc.constant('change' as const),
    nodes: fc.shuffledSubarray(names, { minLength: 1 }),
    version: fc.constantFrom(...versions),
    atOnce: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({ kind: fc.constant('soak' as const), nodes: fc.subarray(names, { minLength: 1 }) }),
  fc.record({ kind: fc.constant('ask' as const), onTimeout: fc.constantFrom('continue' as const, 'stop' as const) }),
  fc.record({ kind: fc.constant('finalise' as const) }),
  fc.record({ kind: fc.constant('restart' as const), node: fc.constantFrom(...names) }),
  fc.record({ kind: fc.constant('lend' as const), node: fc.constantFrom(...names) }),
);

const drawnPlans: fc.Arbitrary<Drawn> = fc.record({
  stages: fc
    .array(stageKinds, { minLength: 1, maxLength: 4 })
    .map((kinds) => kinds.flatMap((kind, index): RunbookStage[] => stagesOf(kind, String(index)))),
  onFailure: fc.constantFrom('rollback' as const, 'node' as const, 'hold' as const),
  fault: fc.option(fc.record({ node: fc.constantFrom(...names), version: fc.constantFrom('2.0.0', '3.0.0') }), {
    nil: undefined,
  }),
});

function stagesOf(drawn: typeof stageKinds extends fc.Arbitrary<infer T> ? T : never, id: string): RunbookStage[] {
  switch (drawn.kind) {
    case 'change': {
      const { nodes, version, atOnce } = drawn;
      const changes: NodeTarget[] = nodes.map((node) => ({ node, version }));
      // Two of four at once cost the quorum: whoever plans it has agreed.
      return [{ kind: 'change', id, changes, atOnce, ...(atOnce > spare && { mayHalt: true }) }];
    }
    case 'soak':
      return [{ kind: 'soak', id, nodes: drawn.nodes, forMs: 10_000 }];
    case 'ask':
      return [{ kind: 'approval', id, question: 'go on?', timeoutMs: 5_000, onTimeout: drawn.onTimeout }];
    case 'finalise':
      return [{ kind: 'finalise', id }];
    case 'restart':
      return [
        { kind: 'stop', id: `${id}/stop`, node: drawn.node },
        { kind: 'start', id: `${id}/start`, node: drawn.node },
      ];
    case 'lend':
      return [
        { kind: 'switch', id: `${id}/on`, toggle: 'boost', node: drawn.node, ttlMs: 10_000 },
        { kind: 'soak', id: `${id}/look`, nodes: [drawn.node] },
        { kind: 'clear', id: `${id}/off`, toggle: 'boost', node: drawn.node },
      ];
  }
}

function scriptOf({ fault }: Drawn): FakeScript {
  return (node) =>
    fault && node.name === fault.node && node.release.version === fault.version ? { blocksPerSecond: 0 } : {};
}

/** What the run is to come to, however it came there. */
async function endOf(world: ToggleWorld, result: { outcome: string; versions: Record<string, string> }) {
  const nodes = await Promise.all(
    names.map(async (name) => {
      const { state, identity } = await world.lab.observe(world.node(name));
      return [name, state, identity?.generation, world.isOn(name)];
    }),
  );
  return { outcome: result.outcome, versions: result.versions, nodes };
}

/** What must hold of every run, by its journal and by what was done. */
function expectSound(world: ToggleWorld, { stages }: Drawn, records: readonly RunRecord[], state: RunState): void {
  // The same records, the same state.
  const folded = new RunState(state.before, records);
  expect(stateOf(folded)).toEqual(stateOf(state));
  // Nothing is left that was only lent, and each effect was meant before it was done.
  expect(folded.switches.size).toBe(0);
  expect(folded.stopped.size).toBe(0);
  const meant = records.flatMap((record) =>
    record.type === 'intent'
      ? [`launch ${record.node} ${record.toVersion}`]
      : record.type === 'effect.intent' && record.effect === 'start'
        ? [`start ${record.node}`]
        : [],
  );
  for (const deed of world.deeds()) {
    if (deed.startsWith('launch')) expect(meant).toContain(deed);
    if (deed.startsWith('start')) expect(meant).toContain(deed.split(' ').slice(0, 2).join(' '));
  }
  const isAgreed = stages.some((stage) => stage.kind === 'change' && stage.mayHalt);
  if (!isAgreed) expect(mostAway(records)).toBeLessThanOrEqual(spare);
}

/** Most nodes that were away, or changed and not gated yet, at one time. */
function mostAway(records: readonly RunRecord[]): number {
  const away = new Set<string>();
  let most = 0;
  for (const record of records) {
    if (record.type === 'intent') away.add(record.node);
    if (record.type === 'observed' && record.verdict === 'absent') away.delete(record.node);
    if (record.type === 'effect.intent' && record.effect === 'stop') away.add(record.node);
    if (record.type === 'effect.done' && record.effect === 'start') away.delete(record.node);
    // A gate that failed is answered by taking its node back; nothing else may be taken beside it.
    if (record.type === 'gate.verdict') for (const node of record.nodes) away.delete(node);
    most = Math.max(most, away.size);
  }
  return most;
}

/** A state as plain data. */
function stateOf(state: RunState): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(state).map(([key, value]: [string, unknown]) => [
      key,
      value instanceof Map || value instanceof Set ? [...(value as Iterable<unknown>)] : value,
    ]),
  );
}

/** Executes the plan and keeps the state that the live run had, which is the fold of what it was told. */
async function undisturbed(drawn: Drawn) {
  const world = await toggleWorld({ script: scriptOf(drawn) });
  const told: RunRecord[] = [];
  const inputs = await world.inputs({ ...drawn, onRecord: (record) => void told.push(record) });
  const result = await world.untilSettled(executeRun(inputs));
  const { records } = await readJournal(result.runDir);
  return { world, result, records, live: new RunState(inputs.before, told), calls: world.deeds().length };
}

const settings: fc.Parameters<unknown> = { numRuns: 25, endOnFailure: true };

describe('plans drawn at random', () => {
  test(
    'keep the budget, mean what they do, leave nothing lent, and end as their journals say',
    { timeout: 180_000 },
    async () => {
      const outcomes = new Map<string, number>();
      await fc.assert(
        fc.asyncProperty(drawnPlans, async (drawn) => {
          const { world, result, records, live } = await undisturbed(drawn);
          outcomes.set(result.outcome, (outcomes.get(result.outcome) ?? 0) + 1);
          expect(['passed', 'rolled-back', 'failed', 'refused']).toContain(result.outcome);
          expectSound(world, drawn, records, live);
          expect(live.wanted.versions).toEqual(result.versions);
        }),
        { ...settings, numRuns: 60 },
      );
      console.info(`60 random plans: ${[...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`);
      expect(outcomes.get('passed') ?? 0).toBeGreaterThan(5);
      expect((outcomes.get('rolled-back') ?? 0) + (outcomes.get('failed') ?? 0)).toBeGreaterThan(0);
    },
  );

  test('end the same when their orchestrator is killed somewhere', { timeout: 180_000 }, async () => {
    let crashes = 0;
    await fc.assert(
      fc.asyncProperty(
        drawnPlans,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.boolean(),
        async (drawn, at, isCall) => {
          const whole = await undisturbed(drawn);
          const point: CrashPoint =
            isCall && whole.calls > 0
              ? { kind: 'call', number: Math.floor(at * whole.calls), effect: at < 0.5 ? 'before' : 'after' }
              : { kind: 'record', seq: Math.floor(at * (whole.records.length - 1)) };
          const world = await toggleWorld({ script: scriptOf(drawn) });
          const crashed = await crashAndResume(world, drawn, point);
          // A call of the exec kind may come later than counted: the run was over.
          if (!crashed) return;
          crashes++;
          const where = `${JSON.stringify(point)}: ${crashed.result.reason}, undisturbed: ${whole.result.reason}`;
          expect(await endOf(world, crashed.result), where).toEqual(await endOf(whole.world, whole.result));
          const { records } = await readJournal(runFolder(world.topology.stateDir, crashed.result.runId));
          const before = records.find(({ type }) => type === 'run.started');
          expect(before).toBeDefined();
          expectSound(world, drawn, records, new RunState(whole.live.before, records));
        },
      ),
      settings,
    );
    console.info(`${crashes} random plans were killed and resumed`);
    expect(crashes).toBeGreaterThan(15);
  });
});
