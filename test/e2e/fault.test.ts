import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJournal } from '../../src/journal/read-journal.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';
import { killAtRecord, type RecordTest } from '../helpers/kill-at-record.ts';

const docker = await dockerForTests(['node-runtime', 'toolbox']);
const isHeld: RecordTest = (record) => record.type === 'step.started' && record.step === 'hold';

describe.skipIf(docker.missing !== undefined)(suiteTitle('faults on containers', docker), { timeout: 300_000 }, () => {
  let project: DockerProject;
  let testnet: ProjectTestnet;
  const isolate = (): string[] => ['partition', testnet.name, 'validator-3', '--set', 'topology=isolate'];
  const stateDir = (): string => join(project.root, '.seatrial', testnet.name);
  const listed = async (): Promise<string[]> => {
    const { stdout } = await testnet.seatrial('fault', 'list', testnet.name, '--json');
    return (JSON.parse(stdout) as { faults: { id: string }[] }).faults.map(({ id }) => id);
  };

  beforeAll(async () => {
    if (docker.missing !== undefined) return;
    project = await DockerProject.create(docker.engine.docker);
    testnet = project.newTestnet();
    await testnet.upReference(
      [{ version: '1.0.0' }],
      'nodes: { validator: 4 }',
      'monitoring: false',
      'gate: smoke',
      'load: { perSecond: 10 }',
    );
  }, 900_000);
  afterAll(() => project?.dispose());

  test('a node that is cut off stands still while the others go on, and passes its gate when it is healed', async () => {
    const { exitCode, stdout, stderr } = await testnet.seatrial('fault', ...isolate(), '--for', '8s');
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/hold on .*: PASS: validator-0 went on by \d+; .*validator-3 stood still/);
    expect(stdout).toMatch(/gate validator-3: PASS/);
    expect(await listed()).toEqual([]);
  });

  test('a run that is killed is healed at once by heal, and goes on', async () => {
    const begin = () => project.start(['fault', ...isolate(), '--for', '8s']);
    const { runId } = await killAtRecord(stateDir(), begin, isHeld);
    expect(await listed()).toEqual(['partition-0']);
    const healed = await testnet.seatrial('heal', testnet.name, '--all');
    expect(healed.exitCode, healed.stderr).toBe(0);
    expect(healed.stdout).toContain('healed partition-0 on validator-3 (cut)');
    expect(await listed()).toEqual([]);
    const resumed = await testnet.seatrial('resume', runId);
    expect(resumed.exitCode, resumed.stdout + resumed.stderr).toBe(0);
    const { records } = await readJournal(runFolder(stateDir(), runId));
    expect(records.filter(({ type }) => type === 'fault.verified')).toHaveLength(2);
    expect((await testnet.seatrial('verify', runId)).exitCode).toBe(0);
    expect((await testnet.status()).every(({ healthy }) => healthy)).toBe(true);
  });
});
