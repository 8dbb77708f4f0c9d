import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Verification } from '../../src/verify/verify-run.ts';
import { useProject } from '../helpers/project.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';
import { turnBit } from '../helpers/verified-run.ts';

const project = useProject();
const { testnet } = project;

beforeAll(() =>
  project.write(
    [
      'system: reference',
      'lab: process',
      'version: 1.0.0',
      'releases:',
      '  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }',
      '  1.2.0-bad: { build: { context: ../node, args: { version: 1.2.0-bad, fault: never-commits } } }',
      'nodes: { validator: 4 }',
      'gate: smoke',
      'load: { perSecond: 20 }',
      '',
    ].join('\n'),
  ),
);

async function verify(reference: string): Promise<{ exitCode: number | undefined; result: Verification }> {
  const { exitCode, stdout } = await project.seatrial('verify', reference, '--json');
  return { exitCode, result: JSON.parse(stdout) as Verification };
}

// One story, in order: each step stands on the one before.
describe('verify', () => {
  test('agrees with an up of four real nodes', async () => {
    expect((await project.seatrial('up', project.file)).exitCode).toBe(0);
    const { exitCode, result } = await verify(testnet);
    expect(result.findings).toEqual([]);
    expect(result).toMatchObject({ result: 'agrees', isFinished: true, outcome: 'passed' });
    expect(result.verdicts).toBeGreaterThan(0);
    expect(exitCode).toBe(0);
  });

  test('agrees with a run that failed and was rolled back, its load and its ledger', async () => {
    const run = await project.seatrial('run', 'rolling-upgrade', testnet, '--set', 'version=1.2.0-bad');
    expect(run.exitCode, run.stderr).toBe(1);
    const { exitCode, result } = await verify(testnet);
    expect(result.findings).toEqual([]);
    expect(result).toMatchObject({ result: 'agrees', outcome: 'rolled-back' });
    expect(result.verdicts).toBeGreaterThanOrEqual(3);
    expect(exitCode).toBe(0);
    const { stdout } = await project.seatrial('verify', testnet);
    expect(stdout).toMatch(
      /ended as rolled-back\n\d+ records, \d+ pieces of evidence and \d+ verdicts were checked: all/,
    );
  });

  test('finds one turned bit of any file of a copy, wherever the copy lies', async () => {
    const [newest = ''] = (await readdir(join(project.stateDir, 'runs'))).sort().reverse();
    const copy = join(await temporaryFolder(), 'copy');
    await cp(join(project.stateDir, 'runs', newest), copy, { recursive: true });
    const evidence = (await readdir(join(copy, 'evidence'))).map((name) => join('evidence', name));
    expect(evidence.length).toBeGreaterThan(2);
    for (const name of ['journal.jsonl', 'observations.jsonl', 'ledger.jsonl', ...evidence.slice(0, 2)]) {
      const file = join(copy, name);
      const at = Math.floor((await readFile(file)).length / 2);
      await turnBit(file, at, 3);
      const { exitCode, stdout } = await project.seatrial('verify', copy);
      await turnBit(file, at, 3);
      expect(stdout).toContain(`damaged: ${file}`);
      expect(exitCode).toBe(2);
    }
    expect((await verify(copy)).exitCode).toBe(0);
  });

  test('is told of a run that does not exist with exit code 2', async () => {
    const { exitCode, stderr } = await project.seatrial('verify', 'no-such-run');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('there is no run no-such-run');
  });
});
