import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verifySnapshot } from '../../../src/lab/verify-snapshot.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { crashAndResume, type CrashPoint } from '../../helpers/crash.ts';
import { runWorld, type RunWorld, type UpgradeOptions } from '../../helpers/run-world.ts';

const changed = ['node-0', 'node-1'];

/** Release 2.0.0 commits nothing on node-1. */
const stalling: FakeScript = (node) =>
  node.release.version === '2.0.0' && node.name === 'node-1' ? { blocksPerSecond: 0 } : {};

const options: UpgradeOptions = {
  restore: true,
  stages: [
    { kind: 'change', id: 'upgrade', snapshot: true, changes: changed.map((node) => ({ node, version: '2.0.0' })) },
  ],
};

interface Scenario {
  name: string;
  script: FakeScript;
  outcome: string;
  version: string;
  restores: number;
}

const scenarios: Scenario[] = [
  { name: 'an upgrade with snapshots', script: () => ({}), outcome: 'passed', version: '2.0.0', restores: 0 },
  {
    name: 'an upgrade that goes back with its data',
    script: stalling,
    outcome: 'rolled-back',
    version: '1.0.0',
    restores: changed.length,
  },
];

function counts(world: RunWorld, verb: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const deed of world.deeds()) if (deed.startsWith(verb)) found[deed] = (found[deed] ?? 0) + 1;
  return found;
}

/** False when the run was over before it came to the point. */
async function expectSameEnd({ script, outcome, version, restores }: Scenario, point: CrashPoint): Promise<boolean> {
  const world = await runWorld({ script });
  const crashed = await crashAndResume(world, options, point);
  if (!crashed) return false;
  const where = JSON.stringify(point);
  const { records, result } = crashed;
  expect(result.outcome, `${where}: ${result.reason}`).toBe(outcome);
  for (const name of changed) {
    const { state, identity } = await world.lab.observe(world.node(name));
    expect([state, identity?.generation], `${where} ${name}`).toEqual(['running', `generation-${version}`]);
    const folder = join(world.topology.stateDir, 'snapshots', 'run-1', name);
    const manifest = await verifySnapshot(folder, { testnet: 'world', node: name }, { system: 'scripted' });
    const taken = records.flatMap((record) =>
      record.type === 'effect.done' && record.effect === 'snapshot' && record.node === name ? [record.detail] : [],
    );
    // What the run knows of the snapshot is what lies there, and what it knew of the node before.
    expect(taken.at(-1), `${where} ${name}`).toMatchObject({
      sha256: manifest.archive.sha256,
      height: manifest.height,
      'hash.block': `block-${manifest.height}`,
    });
  }
  // A node is never put back a second time after it was started with its old data.
  const launched = counts(world, 'launch');
  expect(
    Object.values(launched).every((count) => count === 1),
    `${where} ${JSON.stringify(launched)}`,
  ).toBe(true);
  const afterStart = changed.filter((name) => {
    const deeds = world.deeds().filter((deed) => deed.includes(name));
    const back = deeds.findIndex((deed) => deed === `launch ${name} 1.0.0`);
    return back >= 0 && deeds.slice(back).some((deed) => deed.startsWith('restore'));
  });
  expect(afterStart, where).toEqual([]);
  const proven = new Set(
    records.flatMap((record) => (record.type === 'finding' && record.verdict === 'pass' ? record.nodes : [])),
  );
  expect(proven.size, where).toBe(restores);
  expect(
    records.some(({ type }) => type === 'run.resumed'),
    where,
  ).toBe(true);
  return true;
}

describe.each(scenarios)('$name whose orchestrator is killed', (scenario) => {
  test('at any record goes on to the same end', { timeout: 240_000 }, async () => {
    let seq = 0;
    while (await expectSameEnd(scenario, { kind: 'record', seq })) seq++;
    console.info(`${scenario.name}: killed at each of ${seq} records`);
    expect(seq).toBeGreaterThan(20);
  });

  test('in the middle of any call of the lab goes on to the same end', { timeout: 240_000 }, async () => {
    let number = 0;
    while (await expectSameEnd(scenario, { kind: 'call', number, effect: 'before' })) {
      expect(await expectSameEnd(scenario, { kind: 'call', number, effect: 'after' })).toBe(true);
      number++;
    }
    console.info(`${scenario.name}: killed before and after each of ${number} calls`);
    expect(number).toBeGreaterThanOrEqual(8);
  });
});
