import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { execa } from 'execa';
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { builtCli } from '../../../toolchain/setup/build-cli.ts';
import { dockerVersion, pulumiVersion } from '../../../toolchain/setup/layout.ts';
import { inspectToolchain, locateToolchain, setupToolchain } from '../../../toolchain/setup.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const setupTimeoutMs = 20 * 60_000;
const userCache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');

vi.setConfig({ testTimeout: 120_000 });
// Builds the CLI where this machine has none in its cache yet.
beforeAll(() => builtCli({ signal: undefined, onProgress: () => undefined, environment: process.env }), setupTimeoutMs);
afterEach(() => vi.unstubAllEnvs());

/** A program that answers `version`, and installs a docker provider as the real one does. */
async function fakePulumi(folder: string, version: string): Promise<void> {
  const plugin = `"$PULUMI_HOME/plugins/resource-docker-v${dockerVersion}"`;
  const install = `mkdir -p ${plugin} && cp "$0" ${plugin}/pulumi-resource-docker`;
  await script(join(folder, 'pulumi'), `case "$1" in version) echo v${version};; plugin) ${install};; esac`);
}

async function script(path: string, body: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
}

/** A user who has nothing but what is in this folder, the system's tools, and the cache of built CLIs. */
function stubUser(folder: string): void {
  vi.stubEnv('PATH', `${folder}:${dirname(process.execPath)}:/usr/bin:/bin`);
  vi.stubEnv('HOME', folder);
  vi.stubEnv('PULUMI_HOME', '');
  vi.stubEnv('XDG_CACHE_HOME', userCache);
}

describe('without anything official', () => {
  test('setup builds all parts, and does nothing the second time', async () => {
    const root = await temporaryFolder();
    expect(() => locateToolchain({ root })).toThrow(/run seatrial setup/);
    const toolchain = await setupToolchain({ root, downloads: false });
    expect(toolchain.parts.map(({ name, version }) => [name, version])).toEqual([
      ['pulumi', pulumiVersion],
      ['pulumi-language-nodejs', pulumiVersion],
      ['pulumi-resource-docker', dockerVersion],
    ]);
    const { stdout } = await execa(toolchain.pulumi, ['version'], { env: { PULUMI_SKIP_UPDATE_CHECK: '1' } });
    expect(stdout).toBe(`v${pulumiVersion}`);
    expect(locateToolchain({ root })).toEqual(toolchain);
    expect(await inspectToolchain({ root })).toEqual(toolchain.parts);

    const before = await modificationTimes(join(root, '.seatrial'));
    const startMs = performance.now();
    expect(await setupToolchain({ root, downloads: false })).toEqual(toolchain);
    expect(performance.now() - startMs).toBeLessThan(1_000);
    expect(await modificationTimes(join(root, '.seatrial'))).toEqual(before);
  });

  test('two setups at once do the work once, and leave one whole toolchain', async () => {
    const root = await temporaryFolder();
    const lines: string[] = [];
    const setups = [1, 2].map(() => setupToolchain({ root, downloads: false, onProgress: (line) => lines.push(line) }));
    const [first, second] = await Promise.all(setups);
    expect(second).toEqual(first);
    expect(await readdir(join(root, '.seatrial', 'toolchain'))).not.toContain('setup.lock');
    expect((await readdir(join(root, '.seatrial', 'toolchain', 'bin'))).sort()).toEqual([
      'pulumi',
      'pulumi-language-nodejs',
    ]);
  });

  test('a part that was removed is named, and made again', async () => {
    const root = await temporaryFolder();
    const { parts } = await setupToolchain({ root, downloads: false });
    await rm(parts[1]?.path ?? '');
    expect(() => locateToolchain({ root })).toThrow(/pulumi-language-nodejs is gone .*run seatrial setup/);
    expect((await inspectToolchain({ root })).map(({ source }) => source)).toEqual(['offline', 'missing', 'offline']);
    expect((await setupToolchain({ root, downloads: false })).parts).toEqual(parts);
  });

  test('a lock of a process that has died is taken over', async () => {
    const root = await temporaryFolder();
    const lock = join(root, '.seatrial', 'toolchain', 'setup.lock');
    await mkdir(dirname(lock), { recursive: true });
    await writeFile(lock, JSON.stringify({ pid: process.pid, startedAt: 'before this one' }));
    await expect(setupToolchain({ root, downloads: false })).resolves.toMatchObject({ root });
  });

  test('a machine without Go is told what to install', async () => {
    const root = await temporaryFolder();
    stubUser(root);
    vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'));
    await expect(setupToolchain({ root, downloads: false })).rejects.toThrow(
      /Go is not on PATH: .*needs Go 1\.25\.11 or newer/,
    );
  });

  test('a Go that is too old is told by its own words', async () => {
    const root = await temporaryFolder();
    stubUser(join(root, 'bin'));
    vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'));
    await script(join(root, 'bin', 'go'), 'echo "go: go.mod requires go >= 1.25.11 (running go 1.19.8)" >&2; exit 1');
    await expect(setupToolchain({ root, downloads: false })).rejects.toThrow(
      /running go 1\.19\.8.*needs Go 1\.25\.11 or newer/,
    );
  });

  test('an aborted setup stops', async () => {
    const root = await temporaryFolder();
    vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'));
    const setup = setupToolchain({ root, downloads: false, signal: AbortSignal.timeout(1_000) });
    await expect(setup).rejects.toThrow();
    expect(() => locateToolchain({ root })).toThrow(/run seatrial setup/);
  });
});

describe("the user's own Pulumi", () => {
  test('is used as it is when it is new enough and has its language host', async () => {
    const root = await temporaryFolder();
    stubUser(join(root, 'own'));
    await fakePulumi(join(root, 'own'), '3.249.1');
    await script(join(root, 'own', 'pulumi-language-nodejs'), '');
    await script(
      join(root, 'own', '.pulumi/plugins', `resource-docker-v${dockerVersion}`, 'pulumi-resource-docker'),
      '',
    );
    const { parts, pulumi } = await setupToolchain({ root, downloads: false });
    expect(parts.map(({ source }) => source)).toEqual(['path', 'path', 'path']);
    expect(parts[0]).toMatchObject({ version: '3.249.1', path: join(root, 'own', 'pulumi') });
    expect(pulumi).toBe(join(root, 'own', 'pulumi'));
  });

  test('is copied beside our language host when it has none', async () => {
    const root = await temporaryFolder();
    stubUser(join(root, 'own'));
    await fakePulumi(join(root, 'own'), '3.245.0');
    const { parts } = await setupToolchain({ root, downloads: false });
    expect(parts.map(({ source }) => source)).toEqual(['path', 'offline', 'offline']);
    expect(parts[0]?.path).toBe(join(root, '.seatrial/toolchain/bin/pulumi'));
  });

  test.each(['3.244.0', '4.0.0'])('is not used when it is a %s', async (version) => {
    const root = await temporaryFolder();
    stubUser(join(root, 'own'));
    await fakePulumi(join(root, 'own'), version);
    const lines: string[] = [];
    const { parts } = await setupToolchain({ root, downloads: false, onProgress: (line) => lines.push(line) });
    expect(parts[0]?.source).toBe('offline');
    expect(lines).toContainEqual(expect.stringContaining(`its version is ${version}`));
  });
});

describe('the official download', () => {
  test('is preferred to building, and brings the language host and the provider', async () => {
    const root = await temporaryFolder();
    stubUser(root);
    const downloads = await downloadServer(await archive(root));
    const { parts } = await setupToolchain({ root, downloads });
    expect(parts.map(({ source }) => source)).toEqual(['official', 'official', 'official']);
    expect(await readFile(join(root, '.seatrial/toolchain/bin/pulumi-language-nodejs'), 'utf8')).toContain(
      'official host',
    );
  });

  test('that breaks off is told, and the CLI is built', async () => {
    const root = await temporaryFolder();
    stubUser(root);
    const whole = await archive(root);
    const downloads = await downloadServer(whole.subarray(0, whole.length / 2));
    const lines: string[] = [];
    const { parts } = await setupToolchain({ root, downloads, onProgress: (line) => lines.push(line) });
    expect(parts.map(({ source }) => source)).toEqual(['offline', 'offline', 'offline']);
    expect(lines).toContainEqual(expect.stringContaining('the download failed'));
  });

  test('is tried once and for a few seconds only where there is no network', async () => {
    const root = await temporaryFolder();
    const startMs = performance.now();
    const { parts } = await setupToolchain({ root, downloads: 'http://127.0.0.1:9/nothing' });
    expect(parts.map(({ source }) => source)).toEqual(['offline', 'offline', 'offline']);
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });
});

async function archive(root: string): Promise<Buffer> {
  const folder = join(root, 'release');
  await fakePulumi(join(folder, 'pulumi'), pulumiVersion);
  await script(join(folder, 'pulumi', 'pulumi-language-nodejs'), '# official host');
  await execa('tar', ['-czf', join(root, 'release.tar.gz'), '-C', folder, 'pulumi']);
  return readFile(join(root, 'release.tar.gz'));
}

/** Serves one archive at the address where setup expects it. */
async function downloadServer(body: Buffer): Promise<string> {
  const server = createServer((request, response) => {
    const isArchive = request.url === `/pulumi-v${pulumiVersion}-${process.platform}-${process.arch}.tar.gz`;
    response.writeHead(isArchive ? 200 : 404).end(request.method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function modificationTimes(folder: string): Promise<[string, number][]> {
  const files = await readdir(folder, { recursive: true });
  return Promise.all(
    files.sort().map(async (file): Promise<[string, number]> => [file, (await stat(join(folder, file))).mtimeMs]),
  );
}
