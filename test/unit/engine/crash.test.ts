import { describe, expect, test } from 'vitest';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { runFolder } from '../../../src/journal/run-files.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { crashAndResume, type CrashPoint } from '../../helpers/crash.ts';
import { runWorld, type RunWorld, type UpgradeOptions } from '../../helpers/run-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];

/** Release 2.0.0 commits nothing on node-1. */
const stalling: FakeScript = (node) =>
  node.release.version === '2.0.0' && node.name === 'node-1' ? { blocksPerSecond: 0 } : {};

interface Scenario {
  name: string;
  script?: FakeScript;
  options: UpgradeOptions;
  outcome: string;
  versions: Record<string, string>;
}

const all = (version: string): Record<string, string> => Object.fromEntries(names.map((name) => [name, version]));

const scenarios: Scenario[] = [
  { name: 'a rolling upgrade', options: {}, outcome: 'passed', versions: all('2.0.0') },
  {
    name: 'an upgrade in batches, with a soak and a point of no return',
    options: {
      stages: [
        {
          kind: 'change',
          id: 'upgrade',
          atOnce: 2,
          mayHalt: true,
          changes: names.map((node) => ({ node, version: '2.0.0' })),
        },
        { kind: 'soak', id: 'soak', nodes: names, forMs: 10_000 },
        { kind: 'finalise', id: 'final' },
      ],
    },
    outcome: 'passed',
    versions: all('2.0.0'),
  },
  {
    name: 'an upgrade that is rolled back',
    script: stalling,
    options: {},
    outcome: 'rolled-back',
    versions: all('1.0.0'),
  },
];

/** How often each node was launched in each version. */
function launches(world: RunWorld): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const deed of world.deeds()) {
    if (deed.startsWith('launch ')) counts[deed] = (counts[deed] ?? 0) + 1;
  }
  return counts;
}

async function undisturbed({
  script,
  options,
}: Scenario): Promise<{ records: number; calls: number; launched: Record<string, number> }> {
  const world = await runWorld(script ? { script } : {});
  const { result } = await world.upgrade(options);
  const { records } = await readJournal(runFolder(world.topology.stateDir, result.runId));
  return { records: records.length, calls: world.deeds().length, launched: launches(world) };
}

async function expectSameEnd(scenario: Scenario, point: CrashPoint, launched: Record<string, number>): Promise<void> {
  const { script, options, outcome, versions } = scenario;
  const world = await runWorld(script ? { script } : {});
  const crashed = await crashAndResume(world, options, point);
  const where = JSON.stringify(point);
  expect(crashed, where).toBeDefined();
  expect(crashed?.result.outcome, `${where}: ${crashed?.result.reason}`).toBe(outcome);
  expect(crashed?.result.versions, where).toEqual(versions);
  for (const [name, version] of Object.entries(versions)) {
    const { identity, state } = await world.lab.observe(world.node(name));
    expect([name, state, identity?.generation], where).toEqual([name, 'running', `generation-${version}`]);
  }
  // No effect twice.
  expect(launches(world), where).toEqual(launched);
  expect(
    crashed?.records.some(({ type }) => type === 'run.resumed'),
    where,
  ).toBe(true);
}

describe.each(scenarios)('$name whose orchestrator is killed', (scenario) => {
  test('at any record goes on to the same end, and does nothing twice', { timeout: 120_000 }, async () => {
    const { records, launched } = await undisturbed(scenario);
    // The last record is the end; there is nothing to go on with after it.
    for (let seq = 0; seq < records - 1; seq++) await expectSameEnd(scenario, { kind: 'record', seq }, launched);
    console.info(`${scenario.name}: killed at each of ${records - 1} records`);
    expect(records).toBeGreaterThan(10);
  });

  test('in the middle of any call of the lab goes on to the same end', { timeout: 120_000 }, async () => {
    const { calls, launched } = await undisturbed(scenario);
    for (let number = 0; number < calls; number++) {
      for (const effect of ['before', 'after'] as const) {
        await expectSameEnd(scenario, { kind: 'call', number, effect }, launched);
      }
    }
    console.info(`${scenario.name}: killed before and after each of ${calls} calls`);
    expect(calls).toBeGreaterThan(3);
  });
});
