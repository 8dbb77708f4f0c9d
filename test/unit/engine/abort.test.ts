import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readDeployedTopology } from '../../../src/engine/state.ts';
import { executeRun } from '../../../src/engine/run.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { isResumable } from '../../../src/journal/run-ending.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { ask, plainRequest, recordsOf, runAsked } from '../../helpers/ask-of-run.ts';
import { killedAt, resumeRun } from '../../helpers/crash.ts';
import { runWorld, type RunWorld } from '../../helpers/run-world.ts';
import type { RunInputs } from '../../../src/engine/run-context.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];
const all = (version: string): Record<string, string> => Object.fromEntries(names.map((name) => [name, version]));

/** Release 2.0.0 commits nothing on these nodes. */
const stalling =
  (...nodes: string[]): FakeScript =>
  (node) =>
    node.release.version === '2.0.0' && nodes.includes(node.name) ? { blocksPerSecond: 0 } : {};

const isGateOf =
  (step: string) =>
  (record: RunRecord): boolean =>
    record.type === 'gate.started' && record.step === step;

/** What the next process is given that goes on with the run in order to take it back. */
async function abortKilled(world: RunWorld, inputs: RunInputs) {
  const resumed = await world.resumed(inputs);
  if (!resumed.resumes) throw new Error('the run is not resumed');
  const result = await world.untilSettled(
    executeRun({ ...resumed, resumes: { ...resumed.resumes, abortBy: 'somebody@else' } }),
  );
  return { result, records: (await readJournal(result.runDir)).records };
}

describe('a run that is told to abort', () => {
  test('while a gate is held takes back what it changed, newest first, each behind its gate', async () => {
    const world = await runWorld();
    const { result, records } = await runAsked(world, {}, (record, inputs) => {
      if (isGateOf('rolling-upgrade/node-1')(record)) void ask(inputs, plainRequest('abort'));
    });
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, reason: 'operator@desk asked for it' });
    expect(result.versions).toEqual(all('1.0.0'));
    expect(recordsOf(records, 'abort.requested')).toMatchObject([{ by: 'operator@desk' }]);
    expect(recordsOf(records, 'rollback.started')).toMatchObject([{ nodes: ['node-1', 'node-0'] }]);
    const passed = recordsOf(records, 'gate.verdict').filter(({ verdict }) => verdict.kind === 'PASS');
    expect(passed.map(({ step }) => step)).toEqual([
      'preflight',
      'rolling-upgrade/node-0',
      'rollback/node-1',
      'rollback/node-0',
    ]);
    expect(world.deeds().join()).not.toMatch(/node-[23]/);
    expect(isResumable(records)).toBe(false);
  });

  test('during an approval does not wait for the answer', async () => {
    const world = await runWorld();
    const stages: RunbookStage[] = [
      { kind: 'change', id: 'first', changes: [{ node: 'node-0', version: '2.0.0' }] },
      { kind: 'approval', id: 'ask', question: 'go on?', timeoutMs: 86_400_000 },
    ];
    const startedMs = world.clock.monotonicMs();
    const { result, records } = await runAsked(world, { stages }, (record, inputs) => {
      if (record.type === 'approval.requested') void ask(inputs, plainRequest('abort'));
    });
    expect(result.outcome).toBe('aborted');
    expect(result.versions).toEqual(all('1.0.0'));
    expect(recordsOf(records, 'approval.decided')).toEqual([]);
    expect(world.clock.monotonicMs() - startedMs).toBeLessThan(3_600_000);
  });

  test('during a rollback goes on with the rollback to its end', async () => {
    const world = await runWorld({ script: stalling('node-2') });
    const { result, records } = await runAsked(world, {}, (record, inputs) => {
      if (record.type === 'rollback.started') void ask(inputs, plainRequest('abort'));
    });
    expect(result).toMatchObject({ outcome: 'rolled-back', exitCode: 1 });
    expect(result.versions).toEqual(all('1.0.0'));
    expect(recordsOf(records, 'rollback.started')).toHaveLength(1);
  });

  test('between the intent of a change and the change itself takes back only what it changed', async () => {
    const world = await runWorld();
    const { result } = await runAsked(
      world,
      {
        deployer: (plain) => ({
          ...plain,
          roll: (stage, hooks, signal) =>
            plain.roll(
              stage,
              {
                ...hooks,
                before: async (node, change) => {
                  await hooks.before(node, change);
                  // Time for the request to be taken.
                  if (node === 'node-1') await world.clock.sleep(5_000);
                },
              },
              signal,
            ),
        }),
      },
      (record, inputs) => {
        if (record.type === 'intent' && record.node === 'node-1') void ask(inputs, plainRequest('abort'));
      },
    );
    expect(result).toMatchObject({ outcome: 'aborted', versions: all('1.0.0') });
    expect(world.deeds().join()).not.toMatch(/node-[123]/);
  });

  test('before anything was changed touches nothing', async () => {
    const world = await runWorld();
    const { result, records } = await runAsked(world, {}, (record, inputs) => {
      if (isGateOf('preflight')(record)) void ask(inputs, plainRequest('abort'));
    });
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1 });
    expect(world.deeds()).toEqual([]);
    expect(recordsOf(records, 'rollback.started')).toEqual([]);
  });

  test('behind a point of no return is held, takes nothing back, and may go on', async () => {
    const world = await runWorld();
    const stages: RunbookStage[] = [
      { kind: 'change', id: 'first', changes: [{ node: 'node-0', version: '2.0.0' }] },
      { kind: 'finalise', id: 'final' },
      { kind: 'soak', id: 'soak', nodes: ['node-0'], forMs: 60_000 },
    ];
    const { inputs, result, records } = await runAsked(world, { stages }, (record, given) => {
      if (isGateOf('soak')(record)) void ask(given, plainRequest('abort'));
    });
    expect(result).toMatchObject({ outcome: 'held', exitCode: 3 });
    expect(result.reason).toMatch(
      /operator@desk asked for it; nothing is rolled back: final was the point of no return/,
    );
    expect(recordsOf(records, 'rollback.started')).toEqual([]);
    const resumed = await resumeRun(world, inputs);
    expect(resumed.result.outcome, resumed.result.reason).toBe('passed');
    expect(resumed.result.versions).toMatchObject({ 'node-0': '2.0.0' });
  });

  test('that is a rollback itself stops where it is', async () => {
    const world = await runWorld();
    await world.upgrade({ nodes: ['node-0', 'node-1'] });
    const back = { runbook: 'rollback', to: '1.0.0', nodes: ['node-1', 'node-0'], onFailure: 'hold' as const };
    const { inputs, result, records } = await runAsked(world, back, (record, given) => {
      if (isGateOf('rollback/node-0')(record)) void ask(given, plainRequest('abort'));
    });
    expect(result).toMatchObject({ outcome: 'held', exitCode: 3 });
    expect(result.reason).toMatch(/a rollback is never rolled back/);
    expect(recordsOf(records, 'rollback.started')).toEqual([]);
    const resumed = await resumeRun(world, inputs);
    expect(resumed.result).toMatchObject({ outcome: 'passed', versions: all('1.0.0') });
  });
});

describe('a run that was killed and is aborted by the next command', () => {
  test.each([
    ['in the middle of a change', { kind: 'type', type: 'intent', step: 'rolling-upgrade/node-1' }],
    ['while a gate was held', { kind: 'type', type: 'gate.started', step: 'rolling-upgrade/node-1' }],
    ['between two nodes', { kind: 'type', type: 'step.done', step: 'rolling-upgrade/node-1' }],
  ] as const)('%s goes back to where it began', async (_when, point) => {
    const world = await runWorld();
    const inputs = await killedAt(world, {}, point);
    const { result, records } = await abortKilled(world, inputs);
    expect(result).toMatchObject({ outcome: 'aborted', reason: 'somebody@else asked for it' });
    expect(result.versions).toEqual(all('1.0.0'));
    for (const name of names) {
      const { state, identity } = await world.lab.observe(world.node(name));
      expect([name, state, identity?.generation]).toEqual([name, 'running', 'generation-1.0.0']);
    }
    const { stateDir } = world.topology;
    const desired = JSON.parse(await readFile(join(stateDir, 'desired.json'), 'utf8')) as unknown;
    expect(desired).toEqual({ specHash: 'hash', versions: all('1.0.0') });
    const deployed = await readDeployedTopology(stateDir);
    expect(deployed?.nodes.map(({ name, release }) => [name, release.version])).toEqual(Object.entries(all('1.0.0')));
    expect(recordsOf(records, 'abort.requested')).toMatchObject([{ by: 'somebody@else' }]);
  });

  test('before it changed anything touches nothing', async () => {
    const world = await runWorld();
    const inputs = await killedAt(world, {}, { kind: 'type', type: 'gate.started', step: 'preflight' });
    const { result } = await abortKilled(world, inputs);
    expect(result.outcome).toBe('aborted');
    expect(world.deeds()).toEqual([]);
  });

  test('and killed again on its way back goes on back, whoever goes on with it', async () => {
    const world = await runWorld();
    const inputs = await killedAt(
      world,
      {},
      { kind: 'type', type: 'done', step: 'rollback/node-1' },
      (record, given) => {
        if (isGateOf('rolling-upgrade/node-1')(record)) void ask(given, plainRequest('abort'));
      },
    );
    const { result } = await resumeRun(world, inputs);
    expect(result).toMatchObject({ outcome: 'aborted', versions: all('1.0.0') });
  });

  test('by a request that it had not taken takes it when it goes on, before it does anything', async () => {
    const world = await runWorld();
    const inputs = await killedAt(world, {}, { kind: 'type', type: 'step.done', step: 'rolling-upgrade/node-0' });
    await ask(inputs, plainRequest('abort'));
    const { result } = await resumeRun(world, inputs);
    expect(result).toMatchObject({ outcome: 'aborted', versions: all('1.0.0') });
    expect(world.deeds().join()).not.toMatch(/node-[123]/);
  });
});

describe('a rollback', () => {
  test('whose time is over has failed, is told so, and is not rolled back', async () => {
    const world = await runWorld({
      script: (node, start) => ({
        ...stalling('node-1')(node, start),
        // The way back takes longer than a rollback may.
        ...(node.name === 'node-1' && start === 3 ? { launchTakesMs: 3_600_000 } : {}),
      }),
    });
    const { result, records } = await world.upgrade();
    expect(result).toMatchObject({ outcome: 'rollback-failed', exitCode: 1 });
    expect(result.reason).toMatch(/the rollback did not succeed: .*(the rollback was not over after 300 s|cancelled)/);
    expect(recordsOf(records, 'rollback.started')).toHaveLength(1);
    expect(isResumable(records)).toBe(false);
  });

  test('that fails at its gate ends there: no other node is touched, and nothing is taken back once more', async () => {
    const world = await runWorld({
      script: (node, start) => ({
        ...stalling('node-1')(node, start),
        ...(node.name === 'node-1' && start === 3 ? { blocksPerSecond: 0 } : {}),
      }),
    });
    const { result, records } = await world.upgrade();
    expect(result).toMatchObject({ outcome: 'rollback-failed', exitCode: 1 });
    expect(recordsOf(records, 'rollback.started')).toHaveLength(1);
    expect(world.deeds().filter((deed) => deed.startsWith('launch'))).toEqual([
      'launch node-0 2.0.0',
      'launch node-1 2.0.0',
      'launch node-1 1.0.0',
    ]);
  });

  test('that is cut off by a second signal is interrupted, and goes on back when the run does', async () => {
    const world = await runWorld({ script: stalling('node-2') });
    const [first, second] = [new AbortController(), new AbortController()];
    const inputs = await world.inputs({
      signal: first.signal,
      onRecord: (record) => {
        if (!isGateOf('rollback/node-2')(record)) return;
        first.abort();
        second.abort();
      },
    });
    const result = await world.untilSettled(executeRun({ ...inputs, hurry: second.signal }));
    expect(result).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    const resumed = await resumeRun(world, inputs);
    expect(resumed.result).toMatchObject({ outcome: 'rolled-back', versions: all('1.0.0') });
  });
});
