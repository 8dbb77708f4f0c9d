import { beforeAll, describe, expect, test } from 'vitest';
import { useProject } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const project = useProject();
const { testnet } = project;

interface DrillJson {
  drill: {
    verdict: string;
    rtoMs: number;
    rpo: { lostWrites: number };
    integrity: Record<string, number>;
    exercises: { milestones: { milestone: string; atMs: number }[] }[];
  };
}

const whole = { duplicated: 0, resurrected: 0, reordered: 0, acceptedByMinority: 0, unchecked: 0 };
const bad = '2-http-errors';

beforeAll(async () => {
  const releases = await buildReleases(project.root, [{ version: '1.0.0' }, { version: '2', fault: 'http-errors' }]);
  await project.write(
    `system: reference\nlab: process\nversion: 1.0.0\nreleases:\n${releases}\nnodes: { validator: 4, follower: 1 }\ngate: smoke\nload: { perSecond: 20 }\n`,
  );
  await project.succeed('up', project.file);
}, 110_000);

describe('a bad release that is begun while a node is cut off', () => {
  test('is refused on a node without which there would be no quorum, and nothing is touched', async () => {
    const { exitCode, stderr } = await project.seatrial(
      ...['run', 'bad-release', testnet, '--set', `version=${bad}`, '--set', 'node=validator-0'],
    );
    expect(stderr).toMatch(
      /upgrade: to change validator-0 while the fault partition acts is not safe: .*2 of 4 voting power.*Change a node without voting power, or heal first; or leave the cut out: --set cut=none/,
    );
    expect(exitCode).toBe(2);
  });

  test('is caught by the gate and taken back while the node is still cut off; nothing is lost', async () => {
    const { stdout: said } = await project.succeed('run', 'bad-release', testnet, '--set', `version=${bad}`);
    expect(said).toMatch(/gate follower-0: FAIL/);
    const { stdout } = await project.succeed('report', testnet, '--format', 'json');
    await project.succeed('verify', testnet);
    const { drill: found } = JSON.parse(stdout) as DrillJson;
    expect(found).toMatchObject({ verdict: 'pass', rpo: { lostWrites: 0 }, integrity: whole });
    // The load goes on to the next node where one refuses a write: the service need not have noticed.
    const [exercise] = found.exercises;
    const atMs = (wanted: string): number =>
      exercise?.milestones.find(({ milestone }) => milestone === wanted)?.atMs ?? NaN;
    expect(found.rtoMs).toBe(Math.max(0, atMs('service') - atMs('verified')));
    const reached = found.exercises.flatMap(({ milestones }) => milestones.map(({ milestone }) => milestone));
    expect(reached.filter((milestone) => milestone !== 'service')).toEqual([
      'begun',
      'injected',
      'verified',
      'detected',
      'decided',
      'restored',
    ]);
    expect(reached).toContain('service');
    const order = (await project.newestRun()).flatMap((record) =>
      record.type === 'rollback.started' || record.type === 'fault.verified' || record.type === 'fault.healing'
        ? [record.type]
        : record.type === 'step.done' && record.step === 'rollback/follower-0'
          ? ['taken back']
          : [],
    );
    expect(order).toEqual(['fault.verified', 'rollback.started', 'taken back', 'fault.healing']);
    const nodes = await project.status();
    expect(nodes.map((node) => [node.version, node.healthy])).toEqual(Array.from({ length: 5 }, () => ['1.0.0', true]));
  }, 100_000);
});
