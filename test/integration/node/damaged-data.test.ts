import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { releaseBuilder } from './releases.ts';
import { TestNetwork } from './test-network.ts';

const build = releaseBuilder();
const id = 'validator-0';
let release: string;
let network: TestNetwork;

beforeEach(async () => {
  release = await build({ version: '1.0.0' });
  network = await TestNetwork.create(1);
  network.start(id, release);
  await network.reach(5);
});

afterEach(async () => network[Symbol.asyncDispose]());

async function endOf(startedRelease: string): Promise<{ code: number; error: unknown }> {
  const [code] = (await once(network.start(id, startedRelease), 'exit')) as [number];
  network.forget(id);
  return { code, error: network.logOf(id).at(-1)?.['error'] };
}

test('A block store damaged before its end stops the node with exit code 1, naming file and offset', async () => {
  await network.stop(id, 'SIGKILL');
  const path = join(network.dataFolder(id), 'blocks.log');
  const content = readFileSync(path);
  content[100] = (content[100] ?? 0) ^ 0xff;
  writeFileSync(path, content);
  const { code, error } = await endOf(release);
  expect(code).toBe(1);
  expect(error).toContain(`${path} is corrupt at offset 0:`);
});

test('A block store cut in the middle of its last block loses that block only', async () => {
  await network.stop(id, 'SIGTERM');
  const path = join(network.dataFolder(id), 'blocks.log');
  const content = readFileSync(path);
  const blocks = content.toString('latin1').split('{"block":{"height":').length - 1;
  expect(blocks).toBeGreaterThanOrEqual(5);
  truncateSync(path, content.length - 10);
  network.start(id, release);
  await network.reach(blocks + 2);
  await network.stop(id, 'SIGTERM');
  expect(network.logOf(id).find(({ msg }) => msg === 'store open')?.['height']).toBe(blocks - 1);
});

test('The data of another chain stops the node with exit code 2', async () => {
  await network.stop(id, 'SIGTERM');
  const path = join(network.folder, 'genesis.json');
  const genesis = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...genesis, chainId: 'other' }));
  expect(await endOf(release)).toEqual({ code: 2, error: expect.stringContaining('another chain') as string });
});
