import { describe, expect, test } from 'vitest';
import { sha256File } from '../../../src/core/canonical.ts';
import { LabError } from '../../../src/core/errors.ts';
import { executeRun } from '../../../src/engine/run.ts';
import type { RunJournal } from '../../../src/engine/session.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { isResumable } from '../../../src/journal/run-ending.ts';
import { observationsFile, runFolder } from '../../../src/journal/run-files.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { recordsOf } from '../../helpers/ask-of-run.ts';
import { resumeRun } from '../../helpers/crash.ts';
import { fillableDisk } from '../../helpers/fillable-disk.ts';
import { runWorld, type RunWorld } from '../../helpers/run-world.ts';

/** Fails from the record of this number on, for good, as the journal does when the disk is full. */
function fullAt(plain: RunJournal, at: number): RunJournal {
  let appended = 0;
  const failure = new LabError('journal.jsonl: the journal cannot be written: ENOSPC: no space left on device');
  return {
    append: (event) => (appended++ < at ? plain.append(event) : Promise.reject(failure)),
    close: () => plain.close(),
  };
}

const stalling: FakeScript = (node) =>
  node.release.version === '2.0.0' && node.name === 'node-1' ? { blocksPerSecond: 0 } : {};

const launches = (world: RunWorld): string[] =>
  world
    .deeds()
    .filter((deed) => deed.startsWith('launch'))
    .sort();

describe.each([
  ['an upgrade', undefined, 'passed'],
  ['an upgrade that is rolled back', stalling, 'rolled-back'],
] as const)('a disk that is full in the middle of %s', (what, script, outcome) => {
  test(
    'at any record ends the run, lets nothing more be done, and the run goes on to its end',
    { timeout: 120_000 },
    async () => {
      const given = script ? { script } : {};
      const whole = await runWorld(given);
      const { result, records } = await whole.upgrade();
      expect(result.outcome).toBe(outcome);
      for (let at = 0; at < records.length; at++) {
        const world = await runWorld(given);
        const inputs = await world.inputs({ journal: (plain) => fullAt(plain, at) });
        const where = `record ${at} (${records[at]?.type})`;
        await expect(world.untilSettled(executeRun(inputs)), where).rejects.toThrow(/no space left on device/);
        const runDir = runFolder(world.topology.stateDir, inputs.runId);
        const written = (await readJournal(runDir)).records;
        expect(written.length, where).toBeLessThanOrEqual(at);
        // Whatever was done had its intent on the disk.
        const meant = written.flatMap((record) =>
          record.type === 'intent' ? [`launch ${record.node} ${record.toVersion}`] : [],
        );
        expect(meant, where).toEqual(expect.arrayContaining(launches(world)));
        const deeds = world.deeds();
        await world.untilSettled(world.clock.advance(60_000));
        expect(world.deeds(), where).toEqual(deeds);
        if (written.length === 0) continue;
        expect(isResumable(written), where).toBe(true);
        const resumed = await resumeRun(world, inputs);
        expect(resumed.result, `${where}: ${resumed.result.reason}`).toMatchObject({
          outcome,
          versions: result.versions,
        });
        expect(launches(world), where).toEqual(launches(whole));
      }
      console.info(`${what}: the disk was full at each of ${records.length} records`);
      expect(records.length).toBeGreaterThan(20);
    },
  );
});

test('a disk that takes no observations for seconds of a soak does not keep the run from its end, which tells of the gap', async () => {
  const disk = await fillableDisk('"alive"');
  const world = await runWorld();
  const { result, records } = await world.upgrade({
    stages: [{ kind: 'soak', id: 'soak', nodes: ['node-0'], forMs: 60_000 }],
    onRecord: (record) => {
      if (record.type !== 'gate.phase' || record.phase !== 'observe') return;
      disk.isFull = true;
      void world.clock.sleep(10_000).then(() => (disk.isFull = false));
    },
  });
  expect(result, result.reason).toMatchObject({ outcome: 'passed', exitCode: 0 });
  expect(disk.isFull).toBe(false);
  expect(records.at(-2)).toMatchObject({ type: 'note', level: 'warning' });
  expect(recordsOf(records, 'note').at(-1)?.text).toMatch(/^lines of observations were lost: \d+ \(ENOSPC/);
  const [finished] = recordsOf(records, 'run.finished');
  expect(finished?.observations).toBe(await sha256File(observationsFile(result.runDir)));
});
