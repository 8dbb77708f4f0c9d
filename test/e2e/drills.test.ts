import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Plan } from '../../src/journal/records.ts';
import { DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';

const docker = await dockerForTests(['node-runtime', 'toolbox', 'prometheus', 'alertmanager']);

interface Exercise {
  id: string;
  verdict: string;
  recovery?: { rtoMs: number };
  rpo: { lostWrites: number; lostFromBackup: number };
  alert?: { firingMs: number; deliveredMs?: number };
  milestones: { milestone: string; detail?: string }[];
}

interface DrillJson {
  verdict: string;
  rtoMs: number;
  rpo: { lostWrites: number };
  integrity: Record<string, number>;
  exercises: Exercise[];
}

const whole = { duplicated: 0, resurrected: 0, reordered: 0, acceptedByMinority: 0, unchecked: 0 };

describe.skipIf(docker.missing !== undefined)(suiteTitle('drills on containers', docker), { timeout: 480_000 }, () => {
  let project: DockerProject;
  let testnet: ProjectTestnet;

  beforeAll(async () => {
    if (docker.missing !== undefined) return;
    project = await DockerProject.create(docker.engine.docker);
    testnet = project.newTestnet();
    await testnet.upReference(
      [{ version: '1.0.0' }, { version: '1.1.0' }, { version: '2', fault: 'exits-at-start' }],
      'nodes: { validator: 4, follower: 1 }',
      'monitoring: true',
      'gate: quick',
      'load: { perSecond: 10 }',
      'drills: { owner: operations, due: 14d }',
    );
  }, 900_000);
  afterAll(() => project?.dispose());

  async function drilled(...args: string[]): Promise<DrillJson> {
    const { exitCode, stdout, stderr } = await testnet.seatrial('run', ...args, '--gate', 'smoke');
    expect(exitCode, stdout + stderr).toBe(0);
    const report = await testnet.seatrial('report', testnet.name, '--format', 'json');
    expect((await testnet.seatrial('verify', testnet.name)).exitCode).toBe(0);
    const { drill } = JSON.parse(report.stdout) as { drill: DrillJson };
    expect(drill).toMatchObject({ verdict: 'pass', integrity: whole });
    expect(drill.rtoMs).toBeGreaterThanOrEqual(0);
    return drill;
  }

  test('all that can be done in one run are, with one report', async () => {
    const { exercises } = await drilled('quarterly', testnet.name);
    expect(exercises.map(({ id, verdict }) => [id, verdict])).toEqual(
      ['node-loss', 'partition', 'failover', 'total-loss', 'corrupt-backup', 'monitoring-loss'].map((id) => [
        id,
        'pass',
      ]),
    );
    const by = new Map(exercises.map((exercise) => [exercise.id, exercise]));
    for (const id of ['node-loss', 'partition', 'failover', 'corrupt-backup', 'monitoring-loss']) {
      expect(by.get(id)?.rpo.lostWrites, id).toBe(0);
    }
    for (const id of ['node-loss', 'partition', 'failover', 'total-loss', 'monitoring-loss']) {
      expect(by.get(id)?.recovery?.rtoMs, id).toBeGreaterThanOrEqual(0);
    }
    expect(by.get('total-loss')?.rpo.lostFromBackup).toBe(0);
    const refused = by.get('corrupt-backup')?.milestones.map(({ milestone }) => milestone);
    expect(refused).toEqual(expect.arrayContaining(['injected', 'verified', 'detected', 'restored']));
    // A killed node stays away for longer than its alert needs.
    const { alert, milestones = [] } = by.get('failover') ?? {};
    expect(alert?.firingMs).toBeGreaterThan(0);
    expect(alert?.deliveredMs).toBeGreaterThanOrEqual(alert?.firingMs ?? Infinity);
    const detail = (wanted: string): string | undefined =>
      milestones.find(({ milestone }) => milestone === wanted)?.detail;
    expect(detail('alert-firing')).toBe('NodeDown of validator-0');
    expect(detail('alert-delivered')).toBe('the Alertmanager has it; its receiver nobody sends it to nobody');
  });

  test('a bad release is found while a node is cut off, and taken back', async () => {
    const { rpo } = await drilled('bad-release', testnet.name, '--set', 'version=2-exits-at-start');
    expect(rpo.lostWrites).toBe(0);
    const nodes = await testnet.status();
    expect(nodes.map(({ version, healthy }) => [version, healthy])).toEqual(
      Array.from({ length: 5 }, () => ['1.0.0', true]),
    );
  });

  test('of a random sequence a fault is shown and healed, a change beside it is gated, and no write is lost', async () => {
    const set = ['seed=11', 'for=2m', 'hold=4s', 'steps=4'].flatMap((one) => ['--set', one]);
    const { exitCode, stdout, stderr } = await testnet.seatrial(
      'run',
      'chaos',
      testnet.name,
      '--gate',
      'smoke',
      ...set,
    );
    expect(exitCode, stdout + stderr).toBe(0);
    const records = await testnet.newestRun();
    const { steps } = records.flatMap((record) => (record.type === 'run.started' ? [record.plan] : []))[0] as Plan;
    const faults = steps.filter(({ kind }) => kind === 'fault').map(({ id }) => id);
    expect(faults).toEqual(['4-pause']);
    for (const type of ['fault.verified', 'fault.heal-verified'] as const) {
      expect(records.flatMap((record) => (record.type === type ? record.step : []))).toEqual(faults);
    }
    const changes = steps.filter(({ kind }) => kind === 'replace');
    expect(changes.map(({ id }) => id.split('/')[0])).toEqual(['4-change']);
    const { nodes: [changed] = [], to } = changes.at(-1) ?? {};
    const now = (await testnet.status()).find(({ name }) => name === changed);
    expect([now?.version, now?.healthy]).toEqual([to, true]);
    const load = records.find((record) => record.type === 'load.finished');
    expect(load).toMatchObject({ summary: { lost: 0, duplicated: 0, disagreements: 0, unchecked: 0 } });
    expect((await testnet.seatrial('verify', testnet.name)).exitCode).toBe(0);
  });
});
