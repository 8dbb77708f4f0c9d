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

  test('is slow: healthy, but late to answer, behind the others and too late with its proposals', async () => {
    await withBadRelease({ version: '1.2.0', fault: 'slow' }, async () => {
      await eventually(async () => (await network.status(victim)).peers === 3 || 'fewer than 3 peers', 8000);
      const missedBefore = (await network.status('validator-0')).roundsMissed;
      const lags: number[] = [];
      for (let count = 0; count < 8; count++) {
        const startedAt = performance.now();
        const [code, own] = [(await network.get(victim, '/health')).code, await network.status(victim)];
        expect(code).toBe(200);
        expect(performance.now() - startedAt).toBeGreaterThan(900);
        lags.push((await tipOfOthers()) - own.height);
      }
      expect(lags.filter((lag) => lag >= 1).length).toBeGreaterThan(4);
      await network.reach((await network.status(victim)).height + 8, [victim]);
      expect((await network.status('validator-0')).roundsMissed).toBeGreaterThan(missedBefore);
    });
  });

  test('flaps: not ready for three seconds of every ten, without an exit', async () => {
    await withBadRelease({ version: '1.2.0', fault: 'flapping' }, async () => {
      const codeIs = async (wanted: number): Promise<void> =>
        eventually(async () => (await network.get(victim, '/health')).code === wanted || `not ${wanted}`, 9000);
      await codeIs(200);
      await codeIs(503);
      const unwellAt = performance.now();
      const before = await network.status(victim);
      await codeIs(200);
      expect(performance.now() - unwellAt).toBeGreaterThan(2000);
      await codeIs(503);
      const after = await network.status(victim);
      expect(after.height).toBeGreaterThan(before.height);
      expect(after).toMatchObject({ pid: (before as unknown as { pid: number }).pid });
    });
  });

  test('ends by itself after five seconds, with code 1', async () => {
    await network.stop(victim, 'SIGTERM');
    const startedAt = performance.now();
    const child = network.start(victim, await build({ version: '1.2.0', fault: 'restarting' }));
    await eventually(async () => (await network.get(victim, '/health')).code === 200 || 'not healthy', 4500);
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(performance.now() - startedAt).toBeGreaterThan(4500);
    network.forget(victim);
    network.start(victim, clean);
    await network.reach((await tipOfOthers()) + 1);
  });

  test('loses memory steadily, as its metrics show', async () => {
    await withBadRelease({ version: '1.2.0', fault: 'leaking' }, async () => {
      const memory = async (): Promise<number> => network.metric(victim, 'nodejs_external_memory_bytes');
      await eventually(async () => (await memory()) > 0 || 'no memory', 5000);
      const [before, resident] = [await memory(), await network.metric(victim, 'process_resident_memory_bytes')];
      await eventually(async () => (await memory()) - before > 12 * 1024 * 1024 || 'less than 12 MiB more', 10_000);
      expect(await network.metric(victim, 'process_resident_memory_bytes')).toBeGreaterThan(resident + 6 * 1024 * 1024);
    });
  });

  test('refuses data that another version has written, and leaves it as it was', async () => {
    await network.stop(victim, 'SIGTERM');
    const child = network.start(victim, await build({ version: '1.2.0', fault: 'refuses-old-data' }));
    expect(await once(child, 'exit')).toEqual([2, null]);
    expect(network.logOf(victim).at(-1)?.['error']).toMatch(/was written by 1\.0\.0; 1\.2\.0 does not read it/);
    network.forget(victim);
    network.start(victim, clean);
    await network.reach((await tipOfOthers()) + 1);
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
