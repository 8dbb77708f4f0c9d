import { describe, expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import { completeParameters } from '../../../src/engine/planning/complete-parameters.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { runFolder } from '../../../src/journal/run-files.ts';
import tssCanary from '../../../runbooks/tss-canary.ts';
import { crashAndResume, type CrashPoint } from '../../helpers/crash.ts';
import { toggleWorld, type ToggleWorld, type ToggleWorldOptions } from '../../helpers/toggle-world.ts';
import type { RunResult } from '../../../src/engine/run.ts';
import type { UpgradeOptions } from '../../helpers/run-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];

/** The stages of the runbook for this world. */
function stagesOf(set: Record<string, string> = {}): RunbookStage[] {
  const parameters = completeParameters(tssCanary, { toggle: 'boost', switches: '40', 'switch-for': '6s', ...set });
  const plan = tssCanary.plan({
    testnet: 'world',
    nodes: names.map((name) => ({
      name,
      role: 'validator',
      startOrder: 1,
      votingPower: 1,
      version: '1.0.0',
      flags: {},
      state: 'running',
    })),
    releases: ['1.0.0'],
    toggles: { boost: { name: 'boost', on: true, off: false } },
    gate: 'smoke',
    parameters,
    history: [],
    traffic: true,
  });
  return 'stages' in plan ? plan.stages : [];
}

const options = (set: Record<string, string> = {}): UpgradeOptions => ({
  runbook: 'tss-canary',
  stages: stagesOf(set),
});

async function run(
  given: ToggleWorldOptions,
  set: Record<string, string> = {},
): Promise<{ world: ToggleWorld; result: RunResult; records: RunRecord[] }> {
  const world = await toggleWorld(given);
  const result = await world.untilSettled(executeRun(await world.inputs(options(set))));
  const { records } = await readJournal(runFolder(world.topology.stateDir, result.runId));
  return { world, result, records };
}

const findings = (records: readonly RunRecord[]): string[] =>
  records.flatMap((record) => (record.type === 'finding' ? [`${record.finding} ${record.verdict}`] : []));

describe('a canary of a feature', () => {
  test('that works is proven by blocks, compared, and enabled on every node for good', async () => {
    const { world, result, records } = await run({});
    expect(result.outcome, result.reason).toBe('passed');
    expect(findings(records)).toEqual(['activation pass', 'switchback pass', 'activation pass']);
    expect(names.map((name) => world.isOn(name))).toEqual([true, true, true, true]);
    expect(names.map((name) => world.lab.world.nodes.get(name)?.definition.flags)).toEqual(
      names.map(() => ({ boost: true })),
    );
    // The canary's lease is over before its flag is set.
    expect(world.switched.at(-1)).toBe('clear node-0');
  });

  test('that has no effect is inconclusive, and the node goes back', async () => {
    const { world, result, records } = await run({ hasNoEffect: true });
    expect(result).toMatchObject({ outcome: 'inconclusive', exitCode: 3 });
    expect(result.reason).toMatch(/boost has no effect: node-0 shows it in 0 of \d+ blocks/);
    expect(findings(records)).toEqual(['activation inconclusive']);
    expect(world.switched.at(-1)).toBe('clear node-0');
    expect(world.deeds()).toEqual([]);
  });

  test('that misbehaves fails the comparison, and the node goes back before another one has it', async () => {
    const { world, result, records } = await run({ misbehaves: true });
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(findings(records)).toEqual(['activation pass', 'switchback fail']);
    expect(world.switched.at(-1)).toBe('clear node-0');
    expect(names.some((name) => world.isOn(name))).toBe(false);
    expect(world.deeds()).toEqual([]);
  });

  test('is compared in an order that only the journalled seed decides', async () => {
    const { world, records } = await run({ misbehaves: true });
    expect(records.some((record) => record.type === 'choice' && record.name === 'seed')).toBe(true);
    const order = world.switched.filter((entry) => entry.startsWith('switch')).join();
    expect((await run({ misbehaves: true })).world.switched.filter((entry) => entry.startsWith('switch')).join()).toBe(
      order,
    );
  });

  test('whose orchestrator is killed goes back by itself when its time is over', async () => {
    const world = await toggleWorld();
    const dying = await world.inputs({
      ...options(),
      journal: (plain) => ({
        append: async (event) => {
          const record = await plain.append(event);
          return record.type === 'finding' ? new Promise<never>(() => undefined) : record;
        },
        close: () => plain.close(),
      }),
      // Nobody extends it any more.
      lab: (plain) => ({ ...plain, exec: async (node, command) => (isDead() ? never() : plain.exec(node, command)) }),
    });
    let dead = false;
    const isDead = (): boolean => dead;
    const never = (): Promise<never> => new Promise(() => undefined);
    executeRun(dying).catch(() => undefined);
    while (!world.isOn('node-0')) await world.untilSettled(world.clock.advance(100));
    dead = true;
    await world.clock.advance(59_000);
    expect(world.isOn('node-0')).toBe(true);
    await world.clock.advance(61_000);
    expect(world.isOn('node-0')).toBe(false);
  });

  test('that nobody confirms in time goes back', async () => {
    const { world, result } = await run({}, { confirm: 'yes', 'confirm-within': '2m', switches: '0' });
    expect(result.outcome).toBe('failed');
    expect(result.reason).toMatch(/confirm: nobody approved it within 120 s/);
    expect(world.switched.at(-1)).toBe('clear node-0');
    expect(world.deeds()).toEqual([]);
  });
});

describe('a canary of a feature whose orchestrator is killed', () => {
  const launched = Object.fromEntries(names.map((name) => [`launch ${name} 1.0.0+boost=true`, 1]));

  async function expectSameEnd(point: CrashPoint): Promise<void> {
    const world = await toggleWorld();
    const crashed = await crashAndResume(world, options({ switches: '0' }), point);
    const where = JSON.stringify(point);
    expect(crashed, where).toBeDefined();
    expect(crashed?.result.outcome, `${where}: ${crashed?.result.reason}`).toBe('passed');
    expect(
      names.map((name) => world.isOn(name)),
      where,
    ).toEqual([true, true, true, true]);
    const counts: Record<string, number> = {};
    for (const deed of world.deeds()) if (deed.startsWith('launch ')) counts[deed] = (counts[deed] ?? 0) + 1;
    expect(counts, where).toEqual(launched);
  }

  test('at any record goes on to the same end, and does nothing twice', { timeout: 120_000 }, async () => {
    const world = await toggleWorld();
    const result = await world.untilSettled(executeRun(await world.inputs(options({ switches: '0' }))));
    const { records } = await readJournal(runFolder(world.topology.stateDir, result.runId));
    for (let seq = 0; seq < records.length - 1; seq++) await expectSameEnd({ kind: 'record', seq });
    console.info(`tss-canary: killed at each of ${records.length - 1} records`);
    expect(records.length).toBeGreaterThan(30);
  });
});
