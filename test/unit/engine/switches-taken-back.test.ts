import { describe, expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import type { FakeLab } from '../../../src/lab/fake/fake-lab.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { toggleWorld } from '../../helpers/toggle-world.ts';

const stages: RunbookStage[] = [
  { kind: 'change', id: 'first', changes: [{ node: 'node-0', version: '2.0.0' }] },
  { kind: 'switch', id: 'on', toggle: 'boost', node: 'node-0', ttlMs: 8_000 },
  { kind: 'change', id: 'second', changes: [{ node: 'node-1', version: '2.0.0' }] },
];

/** The second change fails, with the feature of the first node still switched. */
const script: FakeScript = (node) =>
  node.release.version === '2.0.0' && node.name === 'node-1' ? { blocksPerSecond: 0 } : {};

const unclearable = (plain: FakeLab): FakeLab => ({
  ...plain,
  exec: async (node, command, options) =>
    command[0] === 'clear' ? { exitCode: 1, stdout: '', stderr: 'read-only' } : plain.exec(node, command, options),
});

const indexOf = (records: readonly RunRecord[], isIt: (record: RunRecord) => boolean): number => {
  const index = records.findIndex(isIt);
  expect(index).toBeGreaterThan(-1);
  return index;
};

describe('a run that takes back what it did', () => {
  test('ends what it switched last before it takes back a change that came first', async () => {
    const world = await toggleWorld({ script });
    const result = await world.untilSettled(executeRun(await world.inputs({ stages })));
    expect(result.outcome, result.reason).toBe('rolled-back');
    const { records } = await readJournal(result.runDir);
    const cleared = indexOf(records, (record) => record.type === 'effect.done' && record.effect === 'clear');
    const back = indexOf(records, (record) => record.type === 'intent' && record.step.startsWith('rollback/'));
    expect(cleared).toBeLessThan(back);
    expect(world.isOn('node-0')).toBe(false);
  });

  test('does not go on to extend what it could not end', async () => {
    const world = await toggleWorld({ script });
    const result = await world.untilSettled(executeRun(await world.inputs({ stages, lab: unclearable })));
    expect(result.outcome, result.reason).toBe('rolled-back');
    expect(result.reason).toMatch(/boost on node-0 is still switched: .*read-only/);
    const { records } = await readJournal(result.runDir);
    const tried = indexOf(records, (record) => record.type === 'effect.intent' && record.effect === 'clear');
    const after = records.slice(tried).filter((record) => record.type === 'effect.intent');
    expect(after.map(({ effect }) => effect)).not.toContain('switch');
    // The rollback took longer than the feature's time.
    expect(world.isOn('node-0')).toBe(false);
  });
});

describe('a switch that cannot be extended', () => {
  /** Switches a feature for eight seconds at most and soaks for thirty; the lab fails those calls that are due. */
  async function soaked(fails: (call: number) => boolean) {
    const world = await toggleWorld();
    let calls = 0;
    const lab = (plain: FakeLab): FakeLab => ({
      ...plain,
      exec: async (node, command, options) => {
        if (command[0] === 'switch' && fails(calls++)) throw new Error('the lab is away');
        return plain.exec(node, command, options);
      },
    });
    const [, on] = stages;
    const soak: RunbookStage = { kind: 'soak', id: 'soak', nodes: ['node-0'], forMs: 30_000 };
    const result = await world.untilSettled(
      executeRun(await world.inputs({ stages: [on as RunbookStage, soak], lab })),
    );
    return { world, result };
  }

  test('once or twice is extended a moment later', async () => {
    const { world, result } = await soaked((call) => call === 1 || call === 2 || call === 5);
    expect(result.outcome, result.reason).toBe('passed');
    expect(world.switched.filter((what) => what.startsWith('switch')).length).toBeGreaterThan(5);
  });

  test('until its time is over makes the soak inconclusive: the node did not have the feature', async () => {
    const { result } = await soaked((call) => call > 0);
    expect(result.outcome).toBe('inconclusive');
    expect(result.reason).toMatch(
      /boost on node-0 could not be kept switched, and has ended by itself: .*the lab is away/,
    );
  });
});
