import { describe, expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { resumeRun } from '../../helpers/crash.ts';
import { countedInputs, type Port } from '../../helpers/port-calls.ts';
import { runWorld, type RunWorld, type UpgradeOptions } from '../../helpers/run-world.ts';
import { isResumable } from '../../../src/journal/run-ending.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];

interface Scenario {
  name: string;
  options: UpgradeOptions;
  script?: FakeScript;
  outcome: string;
  /** Every call of a port would take minutes where nodes are asked thousands of times: every so many. */
  stride: Record<Port, number>;
}

const two = ['node-0', 'node-1'];

const scenarios: Scenario[] = [
  {
    name: 'an upgrade of one node',
    options: { nodes: ['node-0'] },
    outcome: 'passed',
    stride: { lab: 1, deployer: 1, transport: 3 },
  },
  {
    name: 'an upgrade of four nodes',
    options: {},
    outcome: 'passed',
    stride: { lab: 5, deployer: 1, transport: 31 },
  },
  {
    name: 'two nodes at once while a third is stopped, and it is started again',
    options: {
      stages: [
        { kind: 'stop', id: 'stop', node: 'node-3', mayHalt: true },
        {
          kind: 'change',
          id: 'two',
          atOnce: 2,
          mayHalt: true,
          changes: two.map((node) => ({ node, version: '2.0.0' })),
        },
        { kind: 'start', id: 'start', node: 'node-3' },
      ],
    },
    outcome: 'passed',
    stride: { lab: 3, deployer: 1, transport: 13 },
  },
];

async function undisturbed({ options, script }: Scenario) {
  const world = await runWorld(script ? { script } : {});
  const { inputs, counts } = await countedInputs(world, options, () => undefined);
  const { outcome, versions, reason } = await world.untilSettled(executeRun(inputs));
  return { outcome, versions, reason, counts, launched: launches(world) };
}

function launches(world: RunWorld): string[] {
  return world
    .deeds()
    .filter((deed) => deed.startsWith('launch'))
    .sort();
}

describe.each(scenarios)('$name that is interrupted', (scenario) => {
  test.each(['lab', 'deployer', 'transport'] as const)(
    'at a call of the %s ends within the open step and goes on to the same end',
    { timeout: 120_000 },
    async (port) => {
      const { options, script, outcome, stride } = scenario;
      const whole = await undisturbed(scenario);
      expect(whole.outcome, whole.reason).toBe(outcome);
      let [interrupted, late] = [0, 0];
      for (let at = 0; at < whole.counts[port]; at += stride[port]) {
        const world = await runWorld(script ? { script } : {});
        const controller = new AbortController();
        let called = '';
        const { inputs } = await countedInputs(world, { ...options, signal: controller.signal }, (of, number, name) => {
          if (of !== port || number !== at) return;
          called = name;
          controller.abort();
        });
        const result = await world.untilSettled(executeRun(inputs));
        const where = `${port} ${at} (${called})`;
        // How often is asked depends on the disk's pace as well: the last calls may not come.
        if (called === '') break;
        for (const name of names) {
          const { state, identity } = await world.lab.observe(world.node(name));
          expect([state, identity?.generation], `${where}: ${name}`).toEqual([
            'running',
            expect.stringMatching(/^generation-[12]\.0\.0$/),
          ]);
        }
        if (result.outcome === outcome) {
          // Everything was done already.
          expect(result.versions, where).toEqual(whole.versions);
          late++;
          continue;
        }
        expect(result, `${where}: ${result.reason}`).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
        expect(isResumable((await readJournal(result.runDir)).records), where).toBe(true);
        interrupted++;
        const resumed = await resumeRun(world, inputs);
        expect(resumed.result, `${where}: ${resumed.result.reason}`).toMatchObject({
          outcome,
          versions: whole.versions,
        });
        expect(launches(world), where).toEqual(whole.launched);
      }
      console.info(
        `${scenario.name}: interrupted at ${interrupted} of ${whole.counts[port]} calls of the ${port}, ${late} more after its last step`,
      );
      expect(interrupted).toBeGreaterThan(5);
      expect(interrupted).toBeGreaterThan(late * 4);
    },
  );
});
