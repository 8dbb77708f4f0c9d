import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReleaseOptions } from '../../../node/build.ts';
import { releaseBuilder } from './releases.ts';
import { TestNetwork, eventually } from './test-network.ts';

const build = releaseBuilder();
const victim = 'validator-3';
let clean: string;
let network: TestNetwork;

beforeAll(async () => {
  clean = await build({ version: '1.0.0' });
  network = await TestNetwork.create(4);
  network.startAll(clean);
  await network.reach(2);
});

afterAll(async () => network[Symbol.asyncDispose]());

async function tipOfOthers(): Promise<number> {
  return Math.min(...(await network.heights(network.ids.slice(0, 3))));
}

/** Runs one bad release in place of the victim's clean one; the clean one must recover afterwards. */
async function withBadRelease(options: Omit<ReleaseOptions, 'output'>, check: () => Promise<void>): Promise<void> {
  await network.stop(victim, 'SIGTERM');
  network.start(victim, await build(options));
  await check();
  await network.stop(victim, 'SIGTERM');
  network.start(victim, clean);
  const target = (await tipOfOthers()) + 2;
  await network.reach(target);
  const blocks = await Promise.all(network.ids.map(async (id) => (await network.get(id, `/block/${target}`)).body));
  expect(new Set(blocks.map(({ hash, appHash }) => `${String(hash)} ${String(appHash)}`)).size).toBe(1);
}

describe('a bad release on one node of four', () => {
  test('exits at start with code 1 and a reason', async () => {
    await network.stop(victim, 'SIGTERM');
    const child = network.start(victim, await build({ version: '1.2.0', fault: 'exits-at-start' }));
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(network.logOf(victim)).toEqual([expect.objectContaining({ level: 'error', msg: 'node failed' })]);
    network.forget(victim);
    network.start(victim, clean);
    await network.reach((await tipOfOthers()) + 1);
  });

  test('listens and never becomes ready', async () => {
    await withBadRelease({ version: '1.2.0', fault: 'never-ready' }, async () => {
      await eventually(async () => (await network.status(victim)).peers === 3 || 'fewer than 3 peers', 5000);
      const before = await network.status(victim);
      await network.reach(before.height + 5, network.ids.slice(0, 3));
      expect(await network.get(victim, '/health')).toEqual({ code: 503, body: { status: 'starting' } });
      expect((await network.status(victim)).height).toBe(before.height);
    });
  });

  test('is healthy and never commits', async () => {
    await withBadRelease({ version: '1.2.0', fault: 'never-commits' }, async () => {
      await eventually(async () => (await network.get(victim, '/health')).code === 200 || 'not healthy', 5000);
      const before = await network.status(victim);
      await network.reach(before.height + 5, network.ids.slice(0, 3));
      const after = await network.status(victim);
      expect([after.version, after.height]).toEqual(['1.2.0', before.height]);
    });
  });

  test('computes another app hash than the others and follows their blocks all the same', async () => {
    await withBadRelease({ version: '1.2.0', fault: 'wrong-app-hash', faultHeight: 3 }, async () => {
      const startHeight = await tipOfOthers();
      await network.reach(startHeight + 8);
      const [good, bad] = await Promise.all(
        ['validator-0', victim].map(async (id) => (await network.get(id, `/block/${startHeight + 8}`)).body),
      );
      expect(bad?.['hash']).toBe(good?.['hash']);
      expect(bad?.['appHash']).not.toBe(good?.['appHash']);
      const earlier = await Promise.all(
        ['validator-0', victim].map(async (id) => (await network.get(id, '/block/2')).body['appHash']),
      );
      expect(earlier[1]).toBe(earlier[0]);
    });
  });

  test('fails three in ten requests of every route except the metrics', async () => {
    await withBadRelease({ version: '1.2.0', fault: 'http-errors' }, async () => {
      await eventually(async () => (await fetch(network.url(victim, '/metrics'))).ok || 'no metrics', 5000);
      for (const path of ['/health', '/status', '/peers', '/nowhere']) {
        const codes: number[] = [];
        for (let count = 0; count < 20; count++) codes.push((await network.get(victim, path)).code);
        expect(codes.filter((code) => code === 500)).toHaveLength(6);
      }
      for (let count = 0; count < 10; count++) expect((await fetch(network.url(victim, '/metrics'))).status).toBe(200);
      const own = await fetch(network.url(victim, '/metrics')).then(async (response) => response.text());
      expect(own).toMatch(/^refchain_http_requests_total\{route="\/health",code="500"\} 6$/m);
    });
  });

  test('claims a version that it is not', async () => {
    await withBadRelease({ version: '1.0.0', fault: 'lies-about-version', claim: '1.1.0' }, async () => {
      await eventually(async () => (await network.get(victim, '/health')).code === 200 || 'not healthy', 5000);
      expect((await network.status(victim)).version).toBe('1.1.0');
      const text = await fetch(network.url(victim, '/metrics')).then(async (response) => response.text());
      expect(text).toContain('refchain_build_info{version="1.1.0"} 1');
    });
  });
});
