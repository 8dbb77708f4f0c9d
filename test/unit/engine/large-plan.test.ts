import { describe, expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import { RunState } from '../../../src/engine/run-state.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { runWorld } from '../../helpers/run-world.ts';

const nodeCount = 50;
const names = Array.from({ length: nodeCount }, (_, index) => `node-${index}`);

/** Each stage changes every node, in batches of ten, once the stage before it is done. */
function chain(stageCount: number): RunbookStage[] {
  return Array.from({ length: stageCount }, (_, stage) => ({
    kind: 'change' as const,
    id: `stage-${stage}`,
    atOnce: 10,
    changes: names.map((node) => ({ node, version: `${stage + 2}.0.0` })),
  }));
}

async function execute(stageCount: number) {
  const world = await runWorld({ nodeCount });
  const inputs = await world.inputs({ stages: chain(stageCount) });
  const cpu = process.cpuUsage();
  const result = await world.untilSettled(executeRun(inputs));
  const { user, system } = process.cpuUsage(cpu);
  const { records } = await readJournal(result.runDir);
  return { result, records, inputs, cpuMs: (user + system) / 1000 };
}

describe('a plan of a thousand steps on fifty nodes', () => {
  test('is executed to its end, and costs per step no more than a short one', { timeout: 300_000 }, async () => {
    const short = await execute(4);
    const long = await execute(20);
    expect(long.result.outcome, long.result.reason).toBe('passed');
    const steps = long.inputs.plan.steps.filter(({ kind }) => kind === 'replace');
    expect(steps).toHaveLength(1000);
    const done = long.records.filter((record) => record.type === 'done');
    expect(done.map(({ node, version }) => `${node} ${version}`)).toEqual(
      steps.map(({ nodes: [node], to }) => `${node} ${to}`),
    );
    const startedMs = performance.now();
    const state = new RunState(long.inputs.before, long.records);
    const foldMs = performance.now() - startedMs;
    expect(state.done.size).toBeGreaterThan(1000);
    const perStepMs = { short: short.cpuMs / 200, long: long.cpuMs / 1000 };
    console.info(
      `1000 steps took ${Math.round(long.cpuMs)} ms of CPU time, ${perStepMs.long.toFixed(1)} ms a step (${perStepMs.short.toFixed(1)} ms in a plan of 200); its ${long.records.length} records are read into a state in ${foldMs.toFixed(1)} ms`,
    );
    // Five times as many steps would cost five times as much each if anything were quadratic.
    expect(perStepMs.long).toBeLessThan(perStepMs.short * 2.5);
    expect(foldMs).toBeLessThan(500);
  });
});

test('fifty nodes are looked at together, not one after the other', async () => {
  let [open, most] = [0, 0];
  const world = await runWorld({ nodeCount });
  const inputs = await world.inputs({
    nodes: ['node-0'],
    lab: (plain) => ({
      ...plain,
      observe: async (node, call) => {
        most = Math.max(most, ++open);
        await world.clock.sleep(20);
        open--;
        return plain.observe(node, call);
      },
    }),
  });
  const result = await world.untilSettled(executeRun(inputs));
  expect(result.outcome, result.reason).toBe('passed');
  expect(most).toBeGreaterThanOrEqual(nodeCount);
});
