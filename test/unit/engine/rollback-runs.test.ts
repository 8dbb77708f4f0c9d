import { describe, expect, test } from 'vitest';
import rollback from '../../../runbooks/rollback.ts';
import rollingUpgrade from '../../../runbooks/rolling-upgrade.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { recordsOf } from '../../helpers/ask-of-run.ts';
import { prepareIn, runRunbook } from '../../helpers/run-runbook.ts';
import { runWorld, type RunWorld } from '../../helpers/run-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];
const all = (version: string): Record<string, string> => Object.fromEntries(names.map((name) => [name, version]));

async function upgraded(...to: string[]): Promise<RunWorld> {
  const world = await runWorld();
  for (const version of to) {
    const { result } = await runRunbook(world, rollingUpgrade, { version });
    expect(result.outcome, result.reason).toBe('passed');
    // Runs are told apart by when they began.
    await world.untilSettled(world.clock.advance(1000));
  }
  return world;
}

describe('a rollback that is executed', () => {
  test('undoes the last run, newest first, each node behind its gate', async () => {
    const world = await upgraded('2.0.0', '3.0.0');
    const { result, records } = await runRunbook(world, rollback);
    expect(result).toMatchObject({ outcome: 'passed', versions: all('2.0.0') });
    expect(recordsOf(records, 'intent').map(({ node, toVersion }) => `${node} ${toVersion}`)).toEqual(
      [...names].reverse().map((node) => `${node} 2.0.0`),
    );
    // What was undone is not undone once more: the run before it is next.
    expect((await runRunbook(world, rollback)).result.versions).toEqual(all('1.0.0'));
  });

  test('goes back over several releases by name', async () => {
    const world = await upgraded('2.0.0', '3.0.0');
    const { result } = await runRunbook(world, rollback, { to: '1.0.0' });
    expect(result).toMatchObject({ outcome: 'passed', versions: all('1.0.0') });
    await expect(prepareIn(world, rollback, { to: '1.0.0' })).rejects.toThrow(
      'no node ran 1.0.0 before and runs something else now',
    );
    await expect(prepareIn(world, rollback, { to: '9.0.0' })).rejects.toThrow('unknown release 9.0.0');
  });

  test('is refused behind a point of no return, by name as well', async () => {
    const world = await upgraded('2.0.0');
    const { result } = await runRunbook(world, rollingUpgrade, { version: '3.0.0', finalise: 'yes' });
    expect(result.outcome, result.reason).toBe('passed');
    const refusal = /passed its point of no return: it cannot be rolled back/;
    await expect(prepareIn(world, rollback)).rejects.toThrow(refusal);
    await expect(prepareIn(world, rollback, { to: '1.0.0' })).rejects.toThrow(refusal);
    await expect(prepareIn(world, rollback, { run: result.runId })).rejects.toThrow(refusal);
  });

  test('of everything stops all nodes first, puts all back, and gates them once', async () => {
    const world = await upgraded('2.0.0');
    const before = world.deeds().length;
    const { inputs, result, records } = await runRunbook(world, rollback, { all: 'yes' });
    expect(inputs.plan.halts.length).toBeGreaterThan(0);
    expect(result.outcome, result.reason).toBe('passed');
    expect(result.versions).toEqual(all('1.0.0'));
    const order = [...names].reverse();
    expect(world.deeds().slice(before)).toEqual([
      ...order.map((node) => `stop ${node} 2.0.0`),
      ...order.map((node) => `launch ${node} 1.0.0`),
    ]);
    const gates = recordsOf(records, 'gate.verdict').filter(({ step }) => step !== 'preflight');
    expect(gates.map(({ nodes, verdict }) => [verdict.kind, nodes.length])).toEqual([['PASS', 4]]);
  });

  test('of everything that fails starts again what it stopped and could not put back', async () => {
    const refuses: FakeScript = (node, start) =>
      node.name === 'node-2' && start === 3 ? { launchError: 'no such program' } : {};
    const world = await runWorld({ script: refuses });
    await runRunbook(world, rollingUpgrade, { version: '2.0.0' });
    await world.untilSettled(world.clock.advance(1000));
    const { result, records } = await runRunbook(world, rollback, { all: 'yes' });
    expect(result).toMatchObject({ outcome: 'error', exitCode: 4 });
    expect(result.reason).toMatch(/node-2 was stopped but its replacement could not be launched: .*no such program/);
    for (const name of ['node-0', 'node-1', 'node-3']) {
      expect((await world.lab.observe(world.node(name))).state, name).toBe('running');
    }
    expect(recordsOf(records, 'effect.done').filter(({ effect }) => effect === 'start').length).toBeGreaterThanOrEqual(
      2,
    );
  });
});
