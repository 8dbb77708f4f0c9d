import { describe, expect, test } from 'vitest';
import type { FaultKind } from '../../node/fault-kinds.ts';
import { projectForTest } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

interface Drilled {
  exitCode: number | undefined;
  reason: string;
  /** Of the only exercise: its verdict, and the first of its reasons. */
  exercise: [verdict: string | undefined, why: string | undefined];
  integrity: Record<string, number> | undefined;
}

/** Runs a drill on four validators of a build that breaks a promise. */
async function drilled(fault: FaultKind, runbook: string, ...set: string[]): Promise<Drilled> {
  // The drill of a busy machine: a gate for each node, and what never comes is waited for.
  const project = projectForTest({ commandTimeoutMs: 200_000 });
  const releases = await buildReleases(project.root, [{ version: '1.0.0', fault }]);
  const lines = ['system: reference', 'lab: process', `version: 1.0.0-${fault}`, 'releases:', releases];
  await project.write([...lines, 'nodes: { validator: 4 }', 'gate: smoke', 'load: { perSecond: 40 }', ''].join('\n'));
  await project.succeed('up', project.file);
  const parameters = set.flatMap((one) => ['--set', one]);
  const { exitCode, stdout, stderr } = await project.seatrial('run', runbook, project.testnet, ...parameters);
  const records = await project.newestRun();
  const finished = records.findLast((record) => record.type === 'run.finished');
  const result = records.findLast((record) => record.type === 'drill.result');
  const [exercise] = result?.exercises ?? [];
  await project.succeed('verify', project.testnet);
  return {
    exitCode,
    reason: finished?.reason ?? `${stdout}${stderr}`,
    exercise: [exercise?.verdict, exercise?.reasons[0]],
    integrity: result?.integrity && { ...result.integrity },
  };
}

// The same drills on a build that keeps its promises are those of drills.test.ts.
describe('a drill of a build that breaks a promise', { timeout: 240_000 }, () => {
  test('finds two blocks at one height, and names who signed for both', async () => {
    const { exitCode, reason, integrity } = await drilled('votes-twice', 'node-loss', 'disk=keep', 'down-for=6s');
    expect(exitCode, reason).toBe(1);
    expect(reason).toMatch(/nodes disagree at \d+ heights: height \d+ is not the same on all nodes/);
    expect(reason).toContain('signed for more than one of them');
    expect(integrity?.['disagreements']).toBeGreaterThan(0);
  });

  test('finds acknowledged writes that are gone after a kill though the disk was kept', async () => {
    const { exitCode, reason } = await drilled('acks-before-fsync', 'node-loss', 'disk=keep');
    expect(exitCode, reason).toBe(1);
    expect(reason).toMatch(
      /acknowledged writes were lost, 0 are allowed: transaction \w+…, acknowledged by validator-3/,
    );
  });

  test('finds that a node serves an older state than it was given back', async () => {
    const { exitCode, reason, exercise } = await drilled('forgets-after-restart', 'total-loss');
    expect(exitCode, reason).toBe(1);
    const found = /which holds height \d+, and after its start holds no more than \d+: it forgets/;
    expect(reason).toMatch(found);
    expect(exercise).toEqual(['fail', expect.stringMatching(found)]);
  });
});
