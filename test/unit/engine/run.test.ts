import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunRecord } from '../../../src/journal/records.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { readDeployedTopology } from '../../../src/engine/state.ts';
import { runWorld } from '../../helpers/run-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];

/** Release 2.0.0 commits nothing on these nodes. */
const stalling =
  (...nodes: string[]): FakeScript =>
  (node) =>
    node.release.version === '2.0.0' && nodes.includes(node.name) ? { blocksPerSecond: 0 } : {};

function sequence(records: readonly RunRecord[]): string[] {
  return records.flatMap((record) => {
    switch (record.type) {
      case 'intent':
        return [`intent ${record.node} ${record.toVersion}`];
      case 'done':
        return [`done ${record.node}`];
      case 'gate.verdict':
        return [`${record.verdict.kind} ${record.step}`];
      case 'rollback.started':
        return [`rollback ${record.nodes.join()}`];
      default:
        return [];
    }
  });
}

describe('a run that goes well', () => {
  test('changes one node after the other, each intent before its effect and each gate before the next node', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade();
    expect(result).toMatchObject({ outcome: 'passed', exitCode: 0 });
    expect(sequence(records)).toEqual([
      'PASS preflight',
      ...names.flatMap((name) => [`intent ${name} 2.0.0`, `done ${name}`, `PASS rolling-upgrade/${name}`]),
    ]);
    expect(world.deeds()).toEqual(names.flatMap((name) => [`stop ${name} 1.0.0`, `launch ${name} 2.0.0`]));
    expect(records.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'passed', exitCode: 0 });
    expect(result.versions).toEqual(Object.fromEntries(names.map((name) => [name, '2.0.0'])));
  });

  test('leaves the desired state and the deployed topology at what runs', async () => {
    const world = await runWorld();
    await world.upgrade({ nodes: ['node-1'] });
    const { stateDir } = world.topology;
    const desired = JSON.parse(await readFile(join(stateDir, 'desired.json'), 'utf8')) as unknown;
    const versions = { 'node-0': '1.0.0', 'node-1': '2.0.0', 'node-2': '1.0.0', 'node-3': '1.0.0' };
    expect(desired).toEqual({ specHash: 'hash', versions });
    const deployed = await readDeployedTopology(stateDir);
    expect(Object.fromEntries(deployed?.nodes.map(({ name, release }) => [name, release.version]) ?? [])).toEqual(
      versions,
    );
  });

  test('that has nothing to change gates what has no PASS on record and touches nothing', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade({ to: '1.0.0', nodes: [] });
    expect(result.outcome).toBe('passed');
    expect(sequence(records)).toEqual(['PASS preflight', ...names.map((name) => `PASS rolling-upgrade/${name}`)]);
    expect(world.deeds()).toEqual([]);
    const again = await world.upgrade({ to: '1.0.0', nodes: [] });
    expect(sequence(again.records)).toEqual(['PASS preflight']);
  });
});

describe('a gate that fails', () => {
  test('at the first node ends the stage: the others are never touched, and the node goes back behind a gate', async () => {
    const world = await runWorld({ script: stalling('node-0') });
    const { result, records } = await world.upgrade();
    expect(result).toMatchObject({ outcome: 'rolled-back', exitCode: 1 });
    expect(sequence(records)).toEqual([
      'PASS preflight',
      'intent node-0 2.0.0',
      'done node-0',
      'FAIL rolling-upgrade/node-0',
      'rollback node-0',
      'intent node-0 1.0.0',
      'done node-0',
      'PASS rollback/node-0',
    ]);
    expect(result.reason).toMatch(/the gate of node-0 says FAIL/);
    expect(result.versions).toEqual(Object.fromEntries(names.map((name) => [name, '1.0.0'])));
  });

  test('later takes every node of the run back, newest first', async () => {
    const world = await runWorld({ script: stalling('node-2') });
    const { result, records } = await world.upgrade();
    expect(result.outcome).toBe('rolled-back');
    const undone = sequence(records).slice(sequence(records).indexOf('FAIL rolling-upgrade/node-2') + 1);
    expect(undone).toEqual([
      'rollback node-2,node-1,node-0',
      ...['node-2', 'node-1', 'node-0'].flatMap((name) => [
        `intent ${name} 1.0.0`,
        `done ${name}`,
        `PASS rollback/${name}`,
      ]),
    ]);
    expect(world.deeds().join()).not.toContain('node-3');
  });

  test('with onFailure node takes back the failed node alone', async () => {
    const world = await runWorld({ script: stalling('node-1') });
    const { result, records } = await world.upgrade({ onFailure: 'node' });
    expect(result.outcome).toBe('rolled-back');
    expect(sequence(records)).toContain('rollback node-1');
    expect(result.versions).toMatchObject({ 'node-0': '2.0.0', 'node-1': '1.0.0' });
  });

  test('with onFailure hold leaves everything for inspection', async () => {
    const world = await runWorld({ script: stalling('node-1') });
    const { result, records } = await world.upgrade({ onFailure: 'hold' });
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(sequence(records).at(-1)).toBe('FAIL rolling-upgrade/node-1');
    expect(world.deeds().at(-1)).toBe('launch node-1 2.0.0');
  });

  test('and whose rollback does not succeed either is told as both', async () => {
    const world = await runWorld({
      script: (node, start) => ({
        ...stalling('node-0')(node, start),
        ...(node.name === 'node-0' && start === 3 ? { launchError: 'no memory' } : {}),
      }),
    });
    const { result } = await world.upgrade();
    expect(result).toMatchObject({ outcome: 'rollback-failed', exitCode: 1 });
    expect(result.reason).toMatch(/the gate of node-0 says FAIL.*the rollback did not succeed: .*no memory/);
    expect(world.deeds().filter((deed) => deed.startsWith('launch'))).toHaveLength(2);
  });
});

describe('a guard that fails on a node that was changed before', () => {
  test('ends the gate of the next one; the broken node goes back first, then the others, newest first', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade({
      onRecord: (record) => {
        if (record.type === 'gate.started' && record.step === 'rolling-upgrade/node-2') {
          world.lab.world.change('node-0', { blocksPerSecond: 0 });
        }
      },
    });
    expect(result.reason).toMatch(/a guard on an earlier node ended the gate: .* of node-0[^;]*$/);
    expect(result.reason).toMatch(/a guard on an earlier node ended the gate: .* of node-0/);
    expect(records.some((record) => record.type === 'guard.failed' && record.node === 'node-0')).toBe(true);
    expect(sequence(records)).toContain('rollback node-0,node-2,node-1');
    expect(sequence(records).slice(-3)).toEqual(['intent node-1 1.0.0', 'done node-1', 'PASS rollback/node-1']);
  });

  test('with onFailure node takes back the node that it watched, not the one that was being gated', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade({
      onFailure: 'node',
      onRecord: (record) => {
        if (record.type === 'gate.started' && record.step === 'rolling-upgrade/node-1') {
          world.lab.world.change('node-0', { blocksPerSecond: 0 });
        }
      },
    });
    expect(sequence(records)).toContain('rollback node-0');
    expect(result.versions).toMatchObject({ 'node-0': '1.0.0', 'node-1': '2.0.0' });
  });

  test('that fall together are started again before the first of them is gated', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade({
      onRecord: (record) => {
        if (record.type !== 'gate.started' || record.step !== 'rolling-upgrade/node-2') return;
        for (const node of ['node-0', 'node-1', 'node-2']) world.lab.world.crash(node);
      },
    });
    expect(result.outcome).toBe('rolled-back');
    const rollback = sequence(records).slice(sequence(records).findIndex((entry) => entry.startsWith('rollback')));
    const firstGate = rollback.findIndex((entry) => entry.startsWith('PASS'));
    // Two of four have no quorum: the gate waits for the third.
    expect(rollback.slice(0, firstGate).filter((entry) => entry.startsWith('done')).length).toBeGreaterThanOrEqual(2);
  });

  test('between two nodes keeps the next one from being touched', async () => {
    const world = await runWorld();
    const { result } = await world.upgrade({
      onFailure: 'hold',
      deployer: (plain) => ({
        ...plain,
        roll: (stage, hooks, signal) =>
          plain.roll(
            stage,
            {
              ...hooks,
              after: async (node, change) => {
                await hooks.after(node, change);
                if (node !== 'node-0') return;
                world.lab.world.crash('node-0');
                await world.clock.sleep(10_000);
              },
            },
            signal,
          ),
      }),
    });
    expect(result.outcome).toBe('failed');
    expect(world.deeds()).toEqual(['stop node-0 1.0.0', 'launch node-0 2.0.0']);
  });
});

describe('a gate that cannot see', () => {
  test('says HOLD: the run is held with exit 3, neither on nor back', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade({
      onRecord: (record) => {
        if (record.type !== 'gate.started' || record.step !== 'rolling-upgrade/node-1') return;
        world.observations.set('node-1', () => {
          throw new Error('the lab does not answer');
        });
      },
      deployer: (plain) => ({
        ...plain,
        roll: async (stage, hooks, signal) =>
          plain.roll(stage, hooks, signal).finally(() => world.observations.delete('node-1')),
      }),
    });
    expect(result).toMatchObject({ outcome: 'held', exitCode: 3 });
    expect(sequence(records).slice(-2)).toEqual(['done node-1', 'HOLD rolling-upgrade/node-1']);
    expect(world.deeds().at(-1)).toBe('launch node-1 2.0.0');
  });
});

describe('a network that must not be touched', () => {
  test('for want of a quorum refuses the run with exit 2', async () => {
    const world = await runWorld();
    world.lab.world.crash('node-2');
    world.lab.world.crash('node-3');
    const { result, records } = await world.upgrade();
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 });
    expect(result.reason).toMatch(/no quorum to begin with: 2 of 4 voting power is left and 3 is needed/);
    expect(world.deeds()).toEqual([]);
    expect(sequence(records)).toEqual([]);
  });

  test('that has no quorum is repaired by a run that is a repair and touches broken nodes alone', async () => {
    const world = await runWorld();
    world.lab.world.crash('node-2');
    world.lab.world.crash('node-3');
    const { result, records } = await world.upgrade({ nodes: ['node-2', 'node-3'], isRepair: true, onFailure: 'hold' });
    expect(result).toMatchObject({ outcome: 'passed' });
    expect(sequence(records)).toEqual([
      'intent node-2 2.0.0',
      'done node-2',
      'PASS rolling-upgrade/node-2',
      'intent node-3 2.0.0',
      'done node-3',
      'PASS rolling-upgrade/node-3',
      // Not touched, and no PASS of theirs is on record.
      'PASS rolling-upgrade/node-0',
      'PASS rolling-upgrade/node-1',
    ]);
  });

  test('because one node is broken that is not to be changed refuses before the first step', async () => {
    const world = await runWorld();
    world.lab.world.crash('node-3');
    const { result } = await world.upgrade({ nodes: ['node-0'] });
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 });
    expect(result.reason).toMatch(/the network is not healthy enough to begin: .*node-3/);
    expect(world.deeds()).toEqual([]);
  });

  test('because another node broke after the preflight refuses the next step and touches nothing more', async () => {
    const world = await runWorld();
    const { result } = await world.upgrade({
      onRecord: (record) => {
        if (record.type === 'step.done' && record.step === 'rolling-upgrade/node-0') world.lab.world.crash('node-3');
      },
    });
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 });
    expect(result.reason).toMatch(/taking node-1 down is not safe: .*node-3 is down/);
    expect(world.deeds()).toEqual(['stop node-0 1.0.0', 'launch node-0 2.0.0']);
  });

  test('because it is not as planned is drift', async () => {
    const world = await runWorld();
    const { result } = await world.upgrade({
      nodes: ['node-0'],
      onRecord: (record) => {
        if (record.type !== 'step.done' || record.step !== 'preflight') return;
        const node = world.lab.world.nodes.get('node-3');
        if (node) node.definition = { ...node.definition, generation: 'another' };
      },
    });
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 });
    expect(result.reason).toMatch(/not as planned, nothing was touched/);
    expect(world.deeds()).toEqual([]);
  });

  test('may halt when the testnet allows it', async () => {
    const world = await runWorld({ nodeCount: 3, topology: { availability: 'halt-allowed' } });
    const { result } = await world.upgrade();
    expect(result.outcome).toBe('passed');
    const strict = await runWorld({ nodeCount: 3 });
    const refused = await strict.upgrade();
    expect(refused.result.reason).toMatch(/taking node-0 down is not safe: .*this system cannot lose any node/);
    expect(strict.deeds()).toEqual([]);
  });
});

describe('an interruption', () => {
  test('during a gate ends the run with exit 130 and takes nothing back', async () => {
    const world = await runWorld();
    const controller = new AbortController();
    const { result, records } = await world.upgrade({
      signal: controller.signal,
      onRecord: (record) => {
        if (record.type === 'gate.started' && record.step === 'rolling-upgrade/node-1') controller.abort();
      },
    });
    expect(result).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    expect(sequence(records).slice(-2)).toEqual(['intent node-1 2.0.0', 'done node-1']);
    expect(result.versions).toMatchObject({ 'node-1': '2.0.0', 'node-2': '1.0.0' });
  });

  test('during a rollback does not end the rollback', async () => {
    const world = await runWorld({ script: stalling('node-1') });
    const controller = new AbortController();
    const { result } = await world.upgrade({
      signal: controller.signal,
      onRecord: (record) => {
        if (record.type === 'rollback.started') controller.abort();
      },
    });
    expect(result.outcome).toBe('rolled-back');
    expect(new Set(Object.values(result.versions))).toEqual(new Set(['1.0.0']));
  });
});

describe('a failure before the effect', () => {
  test('of the record of the intent leaves the node as it was', async () => {
    const world = await runWorld();
    const { result } = await world.upgrade({
      onRecord: (record) => {
        if (record.type === 'intent') throw new Error('nobody can write this down');
      },
    });
    expect(result).toMatchObject({ outcome: 'error', exitCode: 4 });
    expect(result.reason).toBe('nobody can write this down');
    expect(world.deeds()).toEqual([]);
  });

  test('of the desired state leaves the node as it was', async () => {
    const world = await runWorld();
    await mkdir(join(world.topology.stateDir, 'desired.json', 'in-the-way'), { recursive: true });
    const { result } = await world.upgrade();
    expect(result).toMatchObject({ outcome: 'error', exitCode: 4 });
    expect(world.deeds()).toEqual([]);
  });

  test('of the lab after the stop is told with the node, and nothing else is touched', async () => {
    const world = await runWorld({
      script: (node, start) => (node.name === 'node-1' && start === 2 ? { launchError: 'port 4001 is taken' } : {}),
    });
    const { result } = await world.upgrade();
    expect(result).toMatchObject({ outcome: 'error', exitCode: 4 });
    expect(result.reason).toMatch(/node-1 was stopped but its replacement could not be launched: .*port 4001 is taken/);
    expect(world.deeds().join()).not.toMatch(/node-[23]/);
  });
});
