import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { releaseBuilder } from './releases.ts';
import { TestNetwork } from './test-network.ts';

const build = releaseBuilder();
const id = 'validator-0';
let old: string;
let newer: string;
let migrating: string;
let network: TestNetwork;

beforeAll(async () => {
  old = await build({ version: '1.0.0' });
  newer = await build({ version: '1.1.0' });
  migrating = await build({ version: '2.0.0', dataFormat: 2 });
  network = await TestNetwork.create(1);
});

afterAll(async () => network[Symbol.asyncDispose]());

const markFile = (): string => join(network.dataFolder(id), 'format.json');
const mark = (): unknown => JSON.parse(readFileSync(markFile(), 'utf8'));

/** Runs a release for two more blocks on the data that is there; returns the height it began from. */
async function runOn(release: string): Promise<number> {
  network.start(id, release);
  await network.reach(1);
  const { height } = await network.status(id);
  await network.reach(height + 2);
  expect(await network.stop(id, 'SIGTERM')).toBe(0);
  return height;
}

async function refusalOf(release: string): Promise<string> {
  const child = network.start(id, release);
  expect(await once(child, 'exit')).toEqual([2, null]);
  network.forget(id);
  return String(network.logOf(id).at(-1)?.['error']);
}

// One data folder, taken through it in order.
describe('data', () => {
  test('of the default format go forward and back between releases, each of which leaves its name', async () => {
    const first = await runOn(old);
    expect(mark()).toEqual({ format: 1, writtenBy: '1.0.0' });
    const second = await runOn(newer);
    expect(mark()).toEqual({ format: 1, writtenBy: '1.1.0' });
    const third = await runOn(old);
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
  });

  test('from before there was a mark are read as format 1', async () => {
    rmSync(markFile());
    expect(await runOn(newer)).toBeGreaterThan(6);
    expect(mark()).toEqual({ format: 1, writtenBy: '1.1.0' });
  });

  test('are brought forward by a release of a newer format; an older one then refuses them and leaves them alone', async () => {
    const height = await runOn(migrating);
    expect(network.logOf(id)).toContainEqual(expect.objectContaining({ msg: 'data migrated', from: 1, to: 2 }));
    expect(mark()).toEqual({ format: 2, writtenBy: '2.0.0' });
    expect(await refusalOf(old)).toMatch(/has format 2; 1\.0\.0 reads formats up to 1$/);
    expect(mark()).toEqual({ format: 2, writtenBy: '2.0.0' });
    expect(await runOn(migrating)).toBeGreaterThan(height);
  });

  test('with a mark that cannot be read are not touched', async () => {
    writeFileSync(markFile(), '{"format":');
    expect(await refusalOf(migrating)).toMatch(/format\.json does not say which format the data has/);
    expect(readFileSync(markFile(), 'utf8')).toBe('{"format":');
  });
});
