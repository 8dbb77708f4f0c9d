import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AbortedError, LabError, UsageError } from '../../../../src/core/errors.ts';
import { connectDocker, dockerSocket, isSupportedVersion } from '../../../../src/lab/docker/connection.ts';

describe('which socket is used', () => {
  test('an explicit host wins over DOCKER_HOST, which wins over the default', () => {
    const env = { DOCKER_HOST: 'unix:///run/other.sock' };
    expect(dockerSocket({ host: 'unix:///run/mine.sock', env })).toBe('/run/mine.sock');
    expect(dockerSocket({ env })).toBe('/run/other.sock');
    expect(dockerSocket({ env: {} })).toMatch(/docker\.sock$/);
  });

  test.each([
    'tcp://127.0.0.1:2375',
    'ssh://root@example.org',
    'npipe:////./pipe/docker_engine',
    'unix://relative',
    '/x.sock',
  ])('%s is refused, and the message names what is supported', (address) => {
    expect(() => dockerSocket({ env: { DOCKER_HOST: address } })).toThrow(UsageError);
    expect(() => dockerSocket({ env: { DOCKER_HOST: address } })).toThrow(/unix:\/\/\/var\/run\/docker\.sock/);
  });

  test('engines from 20.10 on are supported', () => {
    expect(['20.10.24+dfsg1', '20.10', '23.0.1', '28.2.2', 'dev'].map(isSupportedVersion)).toEqual(Array(5).fill(true));
    expect(['19.03.15', '20.9.1', '1.13.1'].map(isSupportedVersion)).toEqual([false, false, false]);
  });
});

describe('connecting', () => {
  let folder: string;
  let server: Server | undefined;
  const socketPath = (): string => join(folder, 'engine.sock');
  const listen = async (listener: RequestListener): Promise<void> => {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(socketPath(), resolve));
  };
  const failure = async (options: Parameters<typeof connectDocker>[0] = {}): Promise<unknown> =>
    connectDocker({ host: `unix://${socketPath()}`, ...options }).catch((error: unknown) => error);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seatrial-'));
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    await rm(folder, { recursive: true });
  });

  test('without an engine the error names the socket, the system error and what to try', async () => {
    const error = await failure();
    expect(error).toBeInstanceOf(LabError);
    expect(String(error)).toContain(socketPath());
    expect(String(error)).toMatch(/\(ENOENT\): no Docker engine is running there; try `sudo /);
    expect(error).toMatchObject({ code: 'lab', details: { socketPath: socketPath(), errno: 'ENOENT' } });
  });

  test('it uses the socket that was asked for even when DOCKER_HOST names a TCP address', async () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
    expect(String(await failure())).toContain(socketPath());
  });

  test('the answer gives the version and the address for other programs', async () => {
    await listen((_request, response) => response.end(JSON.stringify({ Version: '24.0.7' })));
    const engine = await connectDocker({ host: `unix://${socketPath()}` });
    expect(engine).toMatchObject({ version: '24.0.7', host: `unix://${socketPath()}`, socketPath: socketPath() });
  });

  test('an engine that is too old is refused with both versions', async () => {
    await listen((_request, response) => response.end(JSON.stringify({ Version: '19.03.15' })));
    expect(String(await failure())).toMatch(/version 19\.03\.15; Seatrial needs 20\.10/);
  });

  test('an engine that does not answer ends the call at its deadline', async () => {
    await listen(() => undefined);
    expect(String(await failure({ timeoutMs: 30 }))).toMatch(/did not finish within 30 ms/);
  });

  test('aborting ends the call at once', async () => {
    const controller = new AbortController();
    await listen(() => controller.abort());
    expect(await failure({ signal: controller.signal })).toBeInstanceOf(AbortedError);
  });
});
