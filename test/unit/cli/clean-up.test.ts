import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { executeAndReport, withLock, type ExecuteOptions } from '../../../src/cli/change.ts';
import { cleanUp } from '../../../src/cli/clean-up.ts';
import { RefusedError } from '../../../src/core/errors.ts';
import type { PreparedRun } from '../../../src/engine/planning/prepare.ts';
import type { Project } from '../../../src/engine/project.ts';
import { listRuns } from '../../../src/journal/list-runs.ts';
import { runWorld } from '../../helpers/run-world.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

/** Executes a run without steps on a lab that does not take its lease back; what was said by then. */
async function executeUnreleased(options: ExecuteOptions = {}) {
  const world = await runWorld();
  const { plan, topology, before } = await world.inputs();
  const prepared: PreparedRun = { plan: { ...plan, steps: [] }, topology, target: topology, before, releases: [] };
  const { profile, lab, topologyFor } = world;
  const { testnet: name, stateDir } = topology;
  const loaded = { hash: 'hash', file: 'world.yaml', spec: {} };
  const project = { root: stateDir, name, stateDir, loaded, profile, topology: topologyFor } as unknown as Project;
  const release = (): Promise<void> => Promise.reject(new Error('the engine does not answer'));
  const access = {
    lab: {
      ...lab,
      takeLease: async (...given: Parameters<typeof lab.takeLease>) => ({
        ...(await lab.takeLease(...given)),
        release,
      }),
    },
    deployer: async () => (await world.inputs()).deployer,
  };
  const { signal } = new AbortController();
  const interruption = { signal, hurry: signal, remains: () => [], dispose: () => undefined };
  const said = { out: '', err: '' };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => (said.out += String(text)) !== ''),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => (said.err += String(text)) !== ''),
  ];
  const restore = (): void => spies.forEach((spy) => spy.mockRestore());
  onTestFinished(restore);
  const ended = await executeAndReport(project, prepared, access, options, interruption)
    .catch((error: unknown) => error)
    .finally(restore);
  return { ended, said, stateDir };
}

const told = 'clean-up incomplete: the lease on the lab was not given back: the engine does not answer\n';

test('a run that passed has its report though its lease could not be given back, and the exit code says so', async () => {
  const { ended, said, stateDir } = await executeUnreleased();
  expect(ended).toBe(5);
  expect(said.err).toContain(told);
  expect(said.out).toMatch(/report: .*report\.html/);
  expect((await listRuns(stateDir))[0]?.outcome).toBe('passed');
});

test('as JSON what could not be given back stands beside the result', async () => {
  const { said } = await executeUnreleased({ json: true });
  const printed = JSON.parse(said.out) as Record<string, unknown>;
  expect(printed).toMatchObject({
    outcome: 'passed',
    exitCode: 5,
    notGivenBack: ['the lease on the lab was not given back: the engine does not answer'],
  });
  expect(printed['report']).toMatch(/report\.html$/);
});

test('an error is thrown as it is, and what could not be given back after it is told beside it', async () => {
  const first = new RefusedError('unsafe', 'the monitoring cannot be started');
  const { ended, said } = await executeUnreleased({ onLeased: () => Promise.reject(first) });
  expect(ended).toBe(first);
  expect(said.err).toContain(told);
});

test('what was done under the lock stands though the lock cannot be given back', async () => {
  const stateDir = await temporaryFolder();
  const said: string[] = [];
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  onTestFinished(() => spy.mockRestore());
  const work = async (): Promise<number> => {
    // A folder is not removed as a file is.
    await rm(join(stateDir, 'lock.json'));
    await mkdir(join(stateDir, 'lock.json'));
    return 3;
  };
  expect(await withLock(stateDir, 'run', () => undefined, work)).toBe(3);
  expect(said.join('')).toContain('clean-up incomplete: the lock of this machine was not given back: ');
});

test('all is given back that can be, in order', async () => {
  const done: string[] = [];
  const duty = (name: string, error?: Error) => ({
    otherwise: `${name} stays`,
    giveBack: async () => {
      done.push(name);
      if (error) throw error;
    },
  });
  const problems = await cleanUp([duty('a', new Error('gone')), duty('b'), duty('c', new Error('full')), duty('d')]);
  expect(done).toEqual(['a', 'b', 'c', 'd']);
  expect(problems).toEqual(['a stays: gone', 'c stays: full']);
});
