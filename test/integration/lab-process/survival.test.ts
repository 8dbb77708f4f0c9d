import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { createDirectDeployer } from '../../../src/deploy/direct/direct-deployer.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { nodePaths, readRecord, writeRecord } from '../../../src/lab/process/record.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { isThere, logWith, obedientProgram, processBench, stopped } from './sample-nodes.ts';

const labModule = join(import.meta.dirname, '../../../src/lab/process/process-lab.ts');
const clockModule = join(import.meta.dirname, '../../../src/core/clock.ts');

/** Launches the node from a process of its own, which then ends in the given way. */
async function launchElsewhere(stateDir: string, node: TopologyNode, end: string): Promise<void> {
  const script = `
    import { createProcessLab } from ${JSON.stringify(labModule)};
    import { systemClock } from ${JSON.stringify(clockModule)};
    const lab = createProcessLab({ topology: { testnet: 'bench', stateDir: ${JSON.stringify(stateDir)} }, clock: systemClock });
    await lab.launch(${JSON.stringify(node)});
    ${end}`;
  await execa(process.execPath, ['--input-type=module-typescript', '--eval', script], { reject: false });
}

test('a node outlives the command that launched it; another command observes and stops it', async () => {
  const { lab, node, stateDir } = await processBench();
  const validator = await node('validator-0', obedientProgram);
  await launchElsewhere(stateDir, validator, '');
  const { state, identity } = await lab.observe(validator);
  expect(state).toBe('running');
  expect(identity?.digest).toBe(validator.release.digest);
  await logWith(lab, validator, 'ready');
  await lab.stop(validator);
  expect(await logWith(lab, validator, 'stopping')).toBe('ready\nstopping');
  expect(isThere(identity?.pid ?? 0)).toBe(false);
});

test('a node outlives SIGKILL to the command that launched it', async () => {
  const { lab, node, stateDir } = await processBench();
  const validator = await node('validator-0', obedientProgram);
  await launchElsewhere(stateDir, validator, `process.kill(process.pid, 'SIGKILL');`);
  expect((await lab.observe(validator)).state).toBe('running');
});

test('the death of a node that another command launched is noticed', async () => {
  const { lab, node, stateDir } = await processBench();
  const validator = await node('validator-0', 'setTimeout(() => process.exit(3), 200);');
  await launchElsewhere(stateDir, validator, '');
  await stopped(lab, validator);
  expect((await lab.observe(validator)).detail).toMatch(/^validator-0 ended by itself/);
});

describe('a crash between the start and its record', () => {
  test('leaves an intent that leads to the process', async () => {
    const { lab, secondLab, node, stateDir } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    await logWith(lab, validator, 'ready');
    const running = await lab.observe(validator);
    const paths = nodePaths(stateDir, 'validator-0');
    const record = await readRecord(paths);
    if (!record) throw new Error('the node has no record');
    await writeRecord(paths, { ...record, pid: null, startTicks: null });
    const later = secondLab();
    expect(await later.observe(validator)).toEqual(running);
    await expect(later.launch(validator)).rejects.toThrow('it is running as pid');
    await later.stop(validator);
    expect((await later.observe(validator)).state).toBe('stopped');
    expect(isThere(running.identity?.pid ?? 0)).toBe(false);
  });

  test('before the process was there leaves a node that is stopped and can be launched', async () => {
    const { lab, node, stateDir } = await processBench();
    const validator = await node('validator-0', obedientProgram);
    await lab.launch(validator);
    await lab.stop(validator);
    const paths = nodePaths(stateDir, 'validator-0');
    const record = await readRecord(paths);
    if (!record) throw new Error('the node has no record');
    await writeRecord(paths, { ...record, pid: null, startTicks: null, nonce: 'never-started' });
    expect((await lab.observe(validator)).state).toBe('stopped');
    await lab.launch(validator);
    expect((await lab.observe(validator)).state).toBe('running');
  });
});

test('a node whose record somebody deleted is known by its mark, cannot be launched over, and is still taken down', async () => {
  const { lab, node, stateDir } = await processBench();
  const validator = await node('validator-0', obedientProgram);
  await lab.launch(validator);
  await logWith(lab, validator, 'ready');
  const pid = (await lab.observe(validator)).identity?.pid ?? 0;
  rmSync(join(stateDir, 'nodes'), { recursive: true });
  const observation = await lab.observe(validator);
  expect(observation.state).toBe('running');
  expect(observation.identity?.generation).toBe('unknown');
  expect(observation.detail).toContain(`pid ${pid} carries its mark, but its record is gone`);
  await expect(lab.launch(validator)).rejects.toThrow('it is running as pid');
  expect(await lab.list()).toEqual(['validator-0']);
  const topology = { testnet: 'bench', nodes: [validator], stateDir } as unknown as Topology;
  const deployer = createDirectDeployer({ lab, clock: systemClock });
  await deployer.destroy(topology);
  expect(isThere(pid)).toBe(false);
  expect(await lab.list()).toEqual([]);
});

test('a testnet of the same name in another folder is somebody else’s', async () => {
  const first = await processBench();
  const second = await processBench();
  const validator = await first.node('validator-0', obedientProgram);
  await first.lab.launch(validator);
  expect(await second.lab.list()).toEqual([]);
  expect((await second.lab.observe(validator)).state).toBe('absent');
  await second.lab.stop(validator);
  expect((await first.lab.observe(validator)).state).toBe('running');
});
