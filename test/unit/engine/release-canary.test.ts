import { describe, expect, test } from 'vitest';
import downgradeMatrix from '../../../runbooks/downgrade-matrix.ts';
import versionCanary from '../../../runbooks/version-canary.ts';
import { executeRun } from '../../../src/engine/run.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { recordsOf } from '../../helpers/ask-of-run.ts';
import { releaseWorld } from '../../helpers/release-world.ts';
import { runbookInputs, runRunbook } from '../../helpers/run-runbook.ts';
import { runWorld } from '../../helpers/run-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];
const all = (version: string): Record<string, string> => Object.fromEntries(names.map((name) => [name, version]));
const timeout = 120_000;

describe('a canary of a release', () => {
  const set = { version: '2.0.0', calibrate: '90m', soak: '90m' };

  test('that is no worse than the rest is followed by the rest', { timeout }, async () => {
    const world = await releaseWorld({ topology: { gate: 'standard' } });
    const { result, records } = await runRunbook(world, versionCanary, set);
    expect(result.outcome, result.reason).toBe('passed');
    expect(result.versions).toEqual(all('2.0.0'));
    const [finding] = recordsOf(records, 'finding');
    expect(finding).toMatchObject({ finding: 'comparison', nodes: ['node-0'] });
    expect(finding?.verdict).not.toBe('fail');
    expect(finding?.reason).toMatch(/node-0 beside node-1, node-2, node-3: /);
  });

  test(
    'whose errors pass every gate and are far more than the others’ is vetoed and goes back',
    { timeout },
    async () => {
      const world = await releaseWorld({
        topology: { gate: 'standard' },
        badShare: (version) => (version === '2.0.0' ? 0.1 : 0.0002),
      });
      const { result, records } = await runRunbook(world, versionCanary, set);
      expect(result).toMatchObject({ outcome: 'rolled-back', exitCode: 1, versions: all('1.0.0') });
      expect(recordsOf(records, 'finding')).toMatchObject([{ finding: 'comparison', verdict: 'fail' }]);
      const gates = recordsOf(records, 'gate.verdict').map(({ verdict }) => verdict.kind);
      expect(new Set(gates)).toEqual(new Set(['PASS']));
      expect(world.deeds().join()).not.toMatch(/node-[123]/);
    },
  );

  test('that breaks under its soak goes back before the rest is touched', { timeout }, async () => {
    const world = await releaseWorld({ topology: { gate: 'standard' } });
    const inputs = await runbookInputs(world, versionCanary, set, {
      onRecord: (record) => {
        if (record.type === 'step.started' && record.step === 'compare') world.lab.world.crash('node-0');
      },
    });
    const result = await world.untilSettled(executeRun(inputs));
    expect(result).toMatchObject({ outcome: 'rolled-back', versions: all('1.0.0') });
  });
});

describe('a downgrade matrix', () => {
  test(
    'of a release that can be left takes every node there and back, also while another one is down',
    { timeout },
    async () => {
      const world = await runWorld();
      const { result, records } = await runRunbook(world, downgradeMatrix, {
        version: '2.0.0',
        nodes: 'node-0,node-1',
        'with-one-down': 'yes',
      });
      expect(result.outcome, result.reason).toBe('passed');
      expect(result.versions).toEqual(all('1.0.0'));
      const changes = recordsOf(records, 'intent').map(({ node, toVersion }) => `${node} ${toVersion}`);
      const ofOne = (node: string): string[] =>
        ['2.0.0', '1.0.0', '2.0.0', '1.0.0', '2.0.0', '1.0.0'].map((version) => `${node} ${version}`);
      expect(changes).toEqual([...ofOne('node-0'), ...ofOne('node-1')]);
      expect(recordsOf(records, 'effect.done').map(({ effect }) => effect)).toEqual(
        Array.from({ length: 4 }, () => ['stop', 'start']).flat(),
      );
    },
  );

  test.each([
    ['ends at once', { crashesAfterMs: 100 }],
    ['never works', { blocksPerSecond: 0 }],
  ])(
    'of a release whose data the old program refuses (it %s) fails, and the node goes back to what read them',
    { timeout },
    async (_how, behaviour) => {
      // The first start of 1.0.0 is on empty data; a later one finds what 2.0.0 has written.
      const refusing: FakeScript = (node, start) =>
        node.name === 'node-0' && node.release.version === '1.0.0' && start > 1 ? behaviour : {};
      const world = await runWorld({ script: refusing });
      const { result, records } = await runRunbook(world, downgradeMatrix, { version: '2.0.0', nodes: 'node-0' });
      expect(result).toMatchObject({ outcome: 'rolled-back', exitCode: 1 });
      expect(result.reason).toMatch(/the gate of node-0 says FAIL/);
      expect(recordsOf(records, 'gate.verdict').find(({ verdict }) => verdict.kind === 'FAIL')?.step).toBe(
        'node-0/back/node-0',
      );
      expect(world.deeds().filter((deed) => deed.startsWith('launch'))).toEqual([
        'launch node-0 2.0.0',
        'launch node-0 1.0.0',
        'launch node-0 2.0.0',
      ]);
      expect(result.versions).toEqual({ ...all('1.0.0'), 'node-0': '2.0.0' });
    },
  );

  test(
    'that fails while another node is down starts that node before it takes anything back',
    { timeout },
    async () => {
      const refusing: FakeScript = (node, start) =>
        node.name === 'node-0' && start === 5 ? { blocksPerSecond: 0 } : {};
      const world = await runWorld({ script: refusing });
      const { result, records } = await runRunbook(world, downgradeMatrix, {
        version: '2.0.0',
        nodes: 'node-0',
        'with-one-down': 'yes',
      });
      expect(result.outcome, result.reason).toBe('rolled-back');
      expect(result.reason).toMatch(/node-0/);
      const started = records.findIndex((record) => record.type === 'effect.done' && record.effect === 'start');
      const back = records.findIndex(({ type }) => type === 'rollback.started');
      expect(started).toBeGreaterThan(0);
      expect(started).toBeLessThan(back);
      for (const name of names) expect((await world.lab.observe(world.node(name))).state, name).toBe('running');
    },
  );
});
