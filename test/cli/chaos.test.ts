import { beforeAll, describe, expect, test } from 'vitest';
import { stepNumbers } from '../../src/engine/chaos/chaos-stages.ts';
import type { Plan } from '../../src/journal/records.ts';
import { useProject } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const project = useProject({ commandTimeoutMs: 480_000 });
const { testnet } = project;
const seed = '1';

/** What a sequence does, without what depends on the nodes as they are. */
function deeds({ steps }: Plan): unknown[] {
  return steps.map(({ id, kind, nodes, from, to, forMs, fault }) => ({ id, kind, nodes, from, to, forMs, fault }));
}

beforeAll(async () => {
  const releases = await buildReleases(project.root, [{ version: '1.0.0' }, { version: '1.1.0' }]);
  await project.write(
    `system: reference\nlab: process\nversion: 1.0.0\nreleases:\n${releases}\nnodes: { validator: 4 }\ngate: smoke\nload: { perSecond: 20 }\n`,
  );
  await project.succeed('up', project.file);
}, 110_000);

describe('a random sequence', () => {
  test('is drawn anew where no seed is given, is told, and is the very same with the seed that was told', async () => {
    const drawn = await project.json<Plan>('plan', 'chaos', testnet);
    expect(drawn.parameters['seed']).toMatch(/^\d+$/);
    const { stdout } = await project.succeed('plan', 'chaos', testnet, '--set', `seed=${drawn.parameters['seed']}`);
    expect(stdout).toContain(`--set seed=${drawn.parameters['seed']}`);
    const again = await project.json<Plan>('plan', 'chaos', testnet, '--set', `seed=${drawn.parameters['seed']}`);
    expect(again).toEqual(drawn);
    const part = await project.json<Plan>(
      ...(['plan', 'chaos', testnet, '--set', `seed=${drawn.parameters['seed']}`, '--set', 'steps=2,3'] as const),
    );
    expect(stepNumbers(part.steps.map(({ id }) => id))).toEqual([2, 3]);
  });

  test('runs for five minutes on processes, and no acknowledged write is lost', async () => {
    const planned = await project.json<Plan>('plan', 'chaos', testnet, '--set', `seed=${seed}`);
    const run = await project.seatrial('run', 'chaos', testnet, '--set', `seed=${seed}`);
    expect(run.exitCode, run.stdout).toBe(0);
    expect(run.stdout).toContain(`seed ${seed};`);
    const records = await project.newestRun();
    const started = records.find((record) => record.type === 'run.started');
    expect(started && deeds(started.plan)).toEqual(deeds(planned));
    const finished = records.at(-1);
    expect(finished).toMatchObject({ type: 'run.finished', outcome: 'passed', cost: { lost: 0, duplicated: 0 } });
    expect(finished?.type === 'run.finished' && finished.cost?.durationMs).toBeGreaterThanOrEqual(300_000);
    const shown = records.filter((record) => record.type === 'fault.verified');
    expect(shown.length).toBeGreaterThan(10);
    expect(new Set(started?.plan.steps.flatMap(({ fault }) => fault?.kind ?? [])).size).toBeGreaterThan(4);
    const changes = new Set(started?.plan.steps.flatMap(({ to }) => to ?? []));
    expect(changes).toEqual(new Set(['1.0.0', '1.1.0']));
    const load = records.find((record) => record.type === 'load.finished');
    expect(load).toMatchObject({ summary: { lost: 0, duplicated: 0, disagreements: 0, unchecked: 0 } });
    expect(load?.type === 'load.finished' && load.summary.acknowledged).toBeGreaterThan(3_000);
    const { stdout } = await project.succeed('report', testnet, '--format', 'json');
    expect((JSON.parse(stdout) as { run: { parameters: object } }).run.parameters).toMatchObject({ seed });
    await project.succeed('verify', testnet);
  }, 500_000);
});
