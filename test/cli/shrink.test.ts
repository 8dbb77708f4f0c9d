import { describe, expect, test } from 'vitest';
import { stepNumbers } from '../../src/engine/chaos/chaos-stages.ts';
import type { Plan } from '../../src/journal/records.ts';
import { projectForTest } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

interface ShrinkJson {
  ways: string[];
  begun: number[];
  smallest: number[];
  isSmallest: boolean;
  command: string;
  attempts: { steps: number[]; outcome: string; ways: string[] }[];
}

describe('a sequence that failed', () => {
  test('loses writes on a release that acknowledges too early, and shrinks to the step that killed a node', async () => {
    const unsafe = projectForTest({ commandTimeoutMs: 240_000 });
    const releases = await buildReleases(unsafe.root, [{ version: '1.0.0', fault: 'acks-before-fsync' }]);
    const lines = ['system: reference', 'lab: process', 'version: 1.0.0-acks-before-fsync', 'releases:', releases];
    await unsafe.write([...lines, 'nodes: { validator: 4 }', 'gate: smoke', 'load: { perSecond: 20 }', ''].join('\n'));
    await unsafe.succeed('up', unsafe.file);
    const set = ['seed=8', 'for=18s', 'hold=4s', 'kinds=delay,loss,kill'].flatMap((one) => ['--set', one]);
    const failed = await unsafe.seatrial('run', 'chaos', unsafe.testnet, ...set);
    expect(failed.exitCode, failed.stdout).toBe(1);
    const { steps } = (await unsafe.newestRun()).flatMap((record) =>
      record.type === 'run.started' ? [record.plan] : [],
    )[0] as Plan;
    const guilty = stepNumbers(steps.flatMap(({ id, fault }) => (fault?.kind === 'kill' ? [id] : [])));
    const found = await unsafe.json<ShrinkJson>('shrink', unsafe.testnet);
    expect(found.begun.length).toBeGreaterThan(2);
    expect(found.ways[0]).toBe('lost writes');
    expect(found).toMatchObject({ smallest: guilty, isSmallest: true });
    expect(found.command).toContain(`--set steps=${guilty[0]}`);
    expect(found.attempts.some(({ ways }) => !ways.includes('lost writes'))).toBe(true);
    // The testnet on which it failed runs still; the others are gone.
    expect(await unsafe.status()).toHaveLength(4);
    const refused = await unsafe.seatrial('shrink', 'nothing');
    expect(refused.exitCode).toBe(2);
  }, 300_000);
});
