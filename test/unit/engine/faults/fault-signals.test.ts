import { describe, expect, test } from 'vitest';
import { executeRun } from '../../../../src/engine/run.ts';
import type { RunInputs } from '../../../../src/engine/run-context.ts';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { readJournal } from '../../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../../src/journal/records.ts';
import { verifyRun } from '../../../../src/verify/verify-run.ts';
import { resumeRun } from '../../../helpers/crash.ts';
import { runWorld, type RunWorld, type UpgradeOptions } from '../../../helpers/run-world.ts';

const stages: RunbookStage[] = [
  {
    kind: 'fault',
    id: 'cut',
    fault: { kind: 'partition', targets: ['node-3'], parameters: { topology: 'isolate' }, durationMs: 20_000 },
  },
  { kind: 'hold', id: 'hold', forMs: 15_000, expects: 'computed' },
  { kind: 'heal', id: 'join', fault: 'cut' },
];

interface Interrupted {
  world: RunWorld;
  inputs: RunInputs;
  result: Awaited<ReturnType<typeof executeRun>>;
  records: RunRecord[];
  remains: string[];
}

/** Sends the signals of these records: the first ends the run, the second lets it only heal. */
async function interruptedAt(...at: ((record: RunRecord) => boolean)[]): Promise<Interrupted> {
  const world = await runWorld();
  const signals = [new AbortController(), new AbortController()];
  let remains: string[] = [];
  let tell: () => string[] = () => [];
  let sent = 0;
  const plain = await world.inputs({
    stages,
    onRecord: (record) => {
      if (record.type === 'fault.verified') remains = tell();
      if (at[sent]?.(record)) signals[sent++]?.abort();
    },
  });
  const inputs: RunInputs = {
    ...plain,
    signal: signals[0]?.signal ?? plain.signal,
    hurry: signals[1]?.signal,
    onBegun: (told) => (tell = told),
  };
  const result = await world.untilSettled(executeRun(inputs));
  const { records } = await readJournal(result.runDir);
  return { world, inputs, result, records, remains };
}

test(
  'an interrupted run ends with its faults healed, whenever the signal comes, and goes on',
  { timeout: 120_000 },
  async () => {
    const { records } = await interruptedAt();
    let interrupted = 0;
    for (let seq = 1; seq < records.length - 1; seq += 2) {
      const { world, inputs, result } = await interruptedAt((record) => record.seq === seq);
      const where = `record ${seq} (${records[seq]?.type})`;
      expect(world.lab.world.faults.all(), where).toEqual([]);
      if (result.outcome === 'passed') continue;
      expect(result.outcome, `${where}: ${result.reason}`).toBe('interrupted');
      interrupted++;
      const resumed = await resumeRun(world, inputs);
      expect(resumed.result.outcome, `${where}: ${resumed.result.reason}`).toBe('passed');
      expect(world.lab.world.faults.all(), where).toEqual([]);
    }
    expect(interrupted).toBeGreaterThan(8);
  },
);

test('the first signal waits for the proof that a fault is over, the second does not', async () => {
  const shown = await interruptedAt((record) => record.type === 'fault.verified');
  expect(shown.result.outcome).toBe('interrupted');
  expect(shown.records.map(({ type }) => type)).toContain('fault.heal-verified');
  const hurried = await interruptedAt(
    (record) => record.type === 'fault.verified',
    (record) => record.type === 'fault.healed',
  );
  const types = hurried.records.map(({ type }) => type);
  expect(hurried.result.outcome).toBe('interrupted');
  expect(types).toContain('fault.healed');
  expect(types).not.toContain('fault.heal-verified');
  expect(hurried.world.lab.world.faults.all()).toEqual([]);
});

test('what would stay behind at a third is named with the time at which it ends by itself', async () => {
  const { remains } = await interruptedAt((record) => record.type === 'fault.verified');
  expect(remains).toEqual([
    expect.stringMatching(/^the fault cut may still act on node-3; it ends there by itself by 2026-01-01T00:0\d:\d\d/),
  ]);
});

test('a fault is healed though the journal takes nothing more', async () => {
  const world = await runWorld();
  const inputs = await world.inputs({
    stages,
    journal: (plain) => {
      let isFull = false;
      return {
        append: async (event) => {
          if (isFull) throw new Error('no space left on device');
          const record = await plain.append(event);
          isFull = event.type === 'fault.verified';
          return record;
        },
        close: () => plain.close(),
      };
    },
  });
  await expect(world.untilSettled(executeRun(inputs))).rejects.toThrow('no space left on device');
  expect(world.lab.world.faults.all()).toEqual([]);
});

describe('a fault that comes and goes', () => {
  const flapping = stages.map((stage) => {
    if (stage.kind !== 'fault') return stage;
    const parameters = { topology: 'flapping', of: 'isolate', period: '5s' };
    return { ...stage, fault: { ...stage.fault, parameters } };
  });

  /** How often it was armed by the end of the run, and in the minutes after that; what is left of it is none. */
  async function armings(given: (inputs: RunInputs) => RunInputs, options: UpgradeOptions): Promise<[number, number]> {
    const world = await runWorld();
    let armed = 0;
    world.lab.world.faults.script = () => {
      armed++;
      return {};
    };
    const inputs = given(await world.inputs({ stages: flapping, ...options }));
    await world.untilSettled(executeRun(inputs).catch(() => undefined));
    expect(world.lab.world.faults.all()).toEqual([]);
    const byTheEnd = armed;
    await world.clock.advance(120_000);
    expect(world.lab.world.faults.all()).toEqual([]);
    expect(world.clock.sleeping).toBe(0);
    return [byTheEnd, armed];
  }

  test('does not come again after a run whose journal takes nothing more', async () => {
    const [byTheEnd, later] = await armings((inputs) => inputs, {
      journal: (plain) => {
        let isFull = false;
        return {
          append: async (event) => {
            isFull ||= event.type === 'fault.healing';
            if (isFull) throw new Error('no space left on device');
            return plain.append(event);
          },
          close: () => plain.close(),
        };
      },
    });
    expect(byTheEnd).toBeGreaterThan(0);
    expect(later).toBe(byTheEnd);
  });

  test.each(['fault.verified', 'fault.healing', 'fault.healed'] as const)(
    'does not come again after a run that was told to hurry, first and second at %s',
    async (type) => {
      const [first, second] = [new AbortController(), new AbortController()];
      const [byTheEnd, later] = await armings((inputs) => ({ ...inputs, signal: first.signal, hurry: second.signal }), {
        onRecord: (record) => {
          if (record.type !== type) return;
          first.abort();
          second.abort();
        },
      });
      expect(byTheEnd).toBeGreaterThan(0);
      expect(later).toBe(byTheEnd);
    },
  );
});

test('a fault that cannot be undone is told, and no run passes with it', async () => {
  const world = await runWorld();
  world.lab.world.faults.script = () => ({ healError: 'the engine does not answer' });
  const long = stages.map((stage) =>
    stage.kind === 'fault' ? { ...stage, fault: { ...stage.fault, durationMs: 600_000 } } : stage,
  );
  const inputs = await world.inputs({ stages: long.slice(0, 2) });
  const result = await world.untilSettled(executeRun(inputs));
  expect(result).toMatchObject({ outcome: 'void', exitCode: 5 });
  expect(result.reason).toMatch(
    /the fault cut may still act on node-3; it ends there by itself by .*the engine does not answer/,
  );
  const { records } = await readJournal(result.runDir);
  expect(records.at(-1)).toMatchObject({
    type: 'run.finished',
    exitCode: 5,
    left: [expect.stringMatching(/^the fault cut may still act on node-3; it ends there by itself by/)],
  });
  const { findings } = await verifyRun({ runDir: result.runDir, loadProfile: async () => world.profile });
  expect(findings.filter(({ kind }) => kind !== 'note')).toEqual([]);
  await world.clock.advance(660_000);
  expect(world.lab.world.faults.all()).toEqual([]);
});

test('a fault whose heal came only with its dead-man leaves the run void', async () => {
  const world = await runWorld();
  world.lab.world.faults.script = () => ({ healError: 'the engine does not answer' });
  const result = await world.untilSettled(executeRun(await world.inputs({ stages: stages.slice(0, 2) })));
  expect(result.outcome).toBe('void');
  expect(result.reason).toContain('the engine does not answer');
  expect(world.lab.world.faults.all()).toEqual([]);
});
