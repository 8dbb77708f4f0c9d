import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunRecord } from '../../../src/journal/records.ts';
import { readSnapshotManifest } from '../../../src/lab/snapshot-manifest.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { digestOf } from '../../helpers/gate-world.ts';
import { runWorld, type RunWorld, type UpgradeOptions } from '../../helpers/run-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];

/** Release 2.0.0 commits nothing on node-1. */
const stalling: FakeScript = (node) =>
  node.release.version === '2.0.0' && node.name === 'node-1' ? { blocksPerSecond: 0 } : {};

const copying = (given: UpgradeOptions = {}): UpgradeOptions => ({
  stages: [
    { kind: 'change', id: 'upgrade', snapshot: true, changes: names.map((node) => ({ node, version: '2.0.0' })) },
  ],
  ...given,
});

function effects(records: readonly RunRecord[]): string[] {
  return records.flatMap((record) => {
    if (record.type === 'effect.done') return [`${record.effect} ${record.node}`];
    if (record.type === 'intent') return [`change ${record.node} ${record.toVersion}`];
    return record.type === 'gate.verdict' && record.step !== 'preflight'
      ? [`${record.verdict.kind} ${record.nodes.join()}`]
      : [];
  });
}

function findings(records: readonly RunRecord[]): (RunRecord & { type: 'finding' })[] {
  return records.flatMap((record) => (record.type === 'finding' ? [record] : []));
}

async function snapshotOf(world: RunWorld, node: string): Promise<Awaited<ReturnType<typeof readSnapshotManifest>>> {
  return readSnapshotManifest(join(world.topology.stateDir, 'snapshots', 'run-1', node));
}

describe('an upgrade with snapshots', () => {
  test('copies the data of each node between its stop and its change', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade(copying());
    expect(result.outcome, result.reason).toBe('passed');
    expect(effects(records)).toEqual(
      names.flatMap((node) => [`stop ${node}`, `snapshot ${node}`, `change ${node} 2.0.0`, `PASS ${node}`]),
    );
  });

  test('pins each to the height and the hash that the node had, and to the release that wrote it', async () => {
    const world = await runWorld();
    const { records } = await world.upgrade(copying());
    const taken = records.flatMap((record) =>
      record.type === 'effect.done' && record.effect === 'snapshot' ? [record] : [],
    );
    expect(taken.map(({ node }) => node)).toEqual(names);
    for (const { node, detail } of taken) {
      const { height } = detail;
      expect(height).toBeGreaterThan(100);
      expect(detail).toMatchObject({ 'hash.block': `block-${height}`, digest: digestOf('1.0.0') });
      const manifest = await snapshotOf(world, node);
      expect(manifest).toMatchObject({ testnet: 'world', system: 'scripted', node, version: '1.0.0', height });
      expect(manifest?.archive.sha256).toBe(detail['sha256']);
    }
  });

  test('that goes back leaves the data as it is unless it was asked to restore it', async () => {
    const world = await runWorld({ script: stalling });
    const { result, records } = await world.upgrade(copying());
    expect(result.outcome).toBe('rolled-back');
    expect(effects(records).some((effect) => effect.startsWith('restore'))).toBe(false);
    expect(findings(records)).toEqual([]);
  });

  test('without room on the disk is refused before the node is stopped', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade(
      copying({ lab: (plain) => ({ ...plain, dataSizeBytes: async () => 1e18 }) }),
    );
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 });
    expect(result.reason).toMatch(/the data of node-0 takes \d+ MiB, and .* has \d+ MiB free/);
    expect(records.some(({ type }) => type === 'step.refused')).toBe(true);
    expect(world.deeds()).toEqual([]);
  });

  test('whose snapshot fails starts the node again and changes nothing', async () => {
    const world = await runWorld();
    const { result } = await world.upgrade(
      copying({
        lab: (plain) => ({
          ...plain,
          snapshot: async () => {
            throw new Error('the disk is gone');
          },
        }),
      }),
    );
    expect(result).toMatchObject({ outcome: 'error', reason: 'the disk is gone' });
    expect(world.deeds()).toEqual(['stop node-0 1.0.0', 'start node-0 1.0.0']);
    expect(await snapshotOf(world, 'node-0')).toBeUndefined();
  });
});

describe('a way back with restore', () => {
  test('stops each node, puts its data back, starts its release, gates it and proves it by its hash', async () => {
    const world = await runWorld({ script: stalling });
    const { result, records } = await world.upgrade(copying({ restore: true }));
    expect(result.outcome, result.reason).toBe('rolled-back');
    const back = effects(records).slice(effects(records).indexOf('FAIL node-1') + 1);
    expect(back).toEqual(
      ['node-1', 'node-0'].flatMap((node) => [
        `stop ${node}`,
        `restore ${node}`,
        `change ${node} 1.0.0`,
        `PASS ${node}`,
      ]),
    );
    expect(findings(records).map(({ finding, verdict, nodes }) => [finding, verdict, ...nodes])).toEqual([
      ['restore', 'pass', 'node-1'],
      ['restore', 'pass', 'node-0'],
    ]);
    expect(world.deeds().filter((deed) => deed.startsWith('restore'))).toEqual([
      'restore node-1 2.0.0',
      'restore node-0 2.0.0',
    ]);
  });

  test('fails where the node has another hash at that height', async () => {
    const world = await runWorld({ script: stalling });
    const { result, records } = await world.upgrade(
      copying({
        restore: true,
        lab: (plain) => ({
          ...plain,
          restore: async (node, folder, options) => {
            await plain.restore(node, folder, options);
            world.show(node.name, { forkedAt: Number((await snapshotOf(world, node.name))?.height) });
          },
        }),
      }),
    );
    expect(result.outcome).toBe('rollback-failed');
    expect(result.reason).toMatch(
      /the restore is not proven: at height \d+ node-1 has block forked-\d+, not block-\d+/,
    );
    expect(findings(records)).toMatchObject([{ finding: 'restore', verdict: 'fail', nodes: ['node-1'] }]);
  });

  test('tells when it cannot be proven, because the node told nothing before', async () => {
    const world = await runWorld({ script: stalling });
    const { result, records } = await world.upgrade(
      copying({
        restore: true,
        // It tells nothing of itself right before it is stopped.
        lab: (plain) => ({
          ...plain,
          dataSizeBytes: async (node, options) => {
            world.show(node.name, { statusFails: true });
            return plain.dataSizeBytes(node, options);
          },
          stop: async (node, options) => {
            world.show(node.name, { statusFails: false });
            await plain.stop(node, options);
          },
        }),
      }),
    );
    expect(result.outcome, result.reason).toBe('rolled-back');
    const notes = records.flatMap((record) =>
      record.type === 'note' && record.level === 'warning' ? [record.text] : [],
    );
    expect(notes.filter((text) => /which cannot be proven/.test(text))).toHaveLength(2);
    expect(findings(records)).toEqual([]);
  });

  test('leaves a node stopped whose snapshot is damaged, and says where it is', async () => {
    const world = await runWorld({ script: stalling });
    const damage = async (record: RunRecord): Promise<void> => {
      if (record.type !== 'rollback.started') return;
      await writeFile(join(world.topology.stateDir, 'snapshots', 'run-1', 'node-1', 'data.tar.gz'), 'nothing');
    };
    let damaged: Promise<void> = Promise.resolve();
    const { result } = await world.upgrade(
      copying({
        restore: true,
        onRecord: (record) => void (damaged = damaged.then(() => damage(record))),
        lab: (plain) => ({
          ...plain,
          restore: async (...given) => {
            await damaged;
            return plain.restore(...given);
          },
        }),
      }),
    );
    expect(result.outcome).toBe('rollback-failed');
    expect(result.reason).toMatch(/data.tar.gz has 7 bytes/);
    expect(result.reason).toMatch(/node-1 is left stopped, .* its snapshot is in snapshots\/run-1\/node-1/);
    expect((await world.lab.observe(world.node('node-1'))).state).toBe('stopped');
  });
});

test('a snapshot of a node that ran on since is taken anew when the run goes on', async () => {
  const world = await runWorld();
  const { stateDir } = world.topology;
  const interrupt = new AbortController();
  const inputs = await world.inputs(
    copying({
      signal: interrupt.signal,
      onRecord: (record) => {
        if (record.type === 'effect.done' && record.effect === 'snapshot') interrupt.abort();
      },
    }),
  );
  const { executeRun } = await import('../../../src/engine/run.ts');
  const first = await world.untilSettled(executeRun(inputs));
  expect(first.outcome).toBe('interrupted');
  expect(world.deeds()).toEqual(['stop node-0 1.0.0', 'snapshot node-0 1.0.0', 'start node-0 1.0.0']);
  const before = await snapshotOf(world, 'node-0');
  const second = await world.untilSettled(executeRun(await world.resumed(inputs)));
  expect(second.outcome, second.reason).toBe('passed');
  const after = await snapshotOf(world, 'node-0');
  expect(after?.height).toBeGreaterThan(before?.height ?? Infinity);
  expect((await readdir(join(stateDir, 'snapshots', 'run-1'))).sort()).toEqual(names);
  await rm(join(stateDir, 'snapshots'), { recursive: true });
});
