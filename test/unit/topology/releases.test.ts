import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/canonical.ts';
import { LabError, SpecError } from '../../../src/core/errors.ts';
import type { SystemProfile } from '../../../src/spec/profile.ts';
import { resolveReleases, type ImageResolver } from '../../../src/topology/releases.ts';
import type { ResolvedRelease } from '../../../src/topology/topology.ts';
import { loadText, plainProfile } from '../../helpers/spec-text.ts';

const content = 'console.log(1)\n';
const digest = `sha256:${sha256(content)}`;

interface Options {
  profile?: Partial<SystemProfile>;
  images?: ImageResolver;
  /** Files beside the testnet file. */
  files?: Record<string, string>;
}

async function resolve(release: string, { profile, images, files = { 'one.mjs': content } }: Options = {}) {
  const loaded = await loadText(
    `system: chain\nlab: ${images ? 'docker' : 'process'}\nversion: 1.0.0\nreleases:\n  1.0.0: ${release}\nnodes: { validator: 1 }\n`,
  );
  const folder = dirname(loaded.file);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const store = join(folder, 'store');
  const again = (): Promise<Record<string, ResolvedRelease>> =>
    resolveReleases(['1.0.0'], { loaded, profile: { ...plainProfile, ...profile }, store, images });
  return { folder, store, again };
}

const copying: Partial<SystemProfile> = {
  build: ({ args, output }) => [
    'node',
    '-e',
    `if (process.argv[2] === 'broken') { console.error('main.c:3:1: error: expected a semicolon'); process.exit(3); }
     require('fs').copyFileSync('source.mjs', process.argv[1]);`,
    output,
    args['mode'] ?? 'good',
  ],
};

describe('a release that is a program', () => {
  test('is copied into the store under the name of its content, once', async () => {
    const { store, folder, again } = await resolve('{ program: one.mjs }');
    const { '1.0.0': release } = await again();
    expect(release).toEqual({
      version: '1.0.0',
      kind: 'program',
      digest,
      programPath: join(store, `${sha256(content)}.mjs`),
    });
    expect(await readFile(release?.programPath ?? '', 'utf8')).toBe(content);
    // What runs does not change when the file that it came from does.
    await writeFile(join(folder, 'one.mjs'), 'console.log(2)\n');
    expect((await again())['1.0.0']?.digest).not.toBe(digest);
    expect(await readFile(release?.programPath ?? '', 'utf8')).toBe(content);
    expect(await readdir(store)).toHaveLength(2);
  });

  test('that was damaged in the store is put right', async () => {
    const { again } = await resolve('{ program: one.mjs }');
    const path = (await again())['1.0.0']?.programPath ?? '';
    await writeFile(path, 'something else');
    await again();
    expect(await readFile(path, 'utf8')).toBe(content);
  });

  test('with the pinned digest is taken, with another it is refused with its place', async () => {
    await expect((await resolve(`{ program: one.mjs, digest: "${digest}" }`)).again()).resolves.toBeDefined();
    const other = `sha256:${'0'.repeat(64)}`;
    const { again } = await resolve(`{ program: one.mjs, digest: "${other}" }`);
    await expect(again()).rejects.toThrow(
      new RegExp(`net\\.yaml:5:38: release 1\\.0\\.0 has the digest ${digest}, but the file pins ${other}`),
    );
    await expect(again()).rejects.toBeInstanceOf(SpecError);
  });

  test('that is not there is told with its place', async () => {
    const { again } = await resolve('{ program: gone.mjs }');
    await expect(again()).rejects.toThrow(/net\.yaml:5:21: release 1\.0\.0: the program cannot be read: ENOENT/);
  });

  test('on a container lab is also turned into an image', async () => {
    const images = { program: async () => 'sha256:image' } as unknown as ImageResolver;
    const { again } = await resolve('{ program: one.mjs }', { images });
    expect((await again())['1.0.0']).toMatchObject({ kind: 'program', digest, imageId: 'sha256:image' });
  });
});

describe('a release that is built', () => {
  const files = { 'src/source.mjs': content };

  test('is the program that the system’s build makes of the context', async () => {
    const { store, again } = await resolve('{ build: { context: src } }', { profile: copying, files });
    expect((await again())['1.0.0']).toMatchObject({ kind: 'program', digest });
    expect(await readdir(store)).toEqual([`${sha256(content)}.mjs`]);
  });

  test('and fails shows what the compiler said, and leaves nothing behind', async () => {
    const { store, again } = await resolve('{ build: { context: src, args: { mode: broken } } }', {
      profile: copying,
      files,
    });
    await expect(again()).rejects.toThrow(
      /release 1\.0\.0 could not be built: [^]*exit code 3[^]*main\.c:3:1: error: expected a semicolon/,
    );
    await expect(again()).rejects.toBeInstanceOf(LabError);
    expect(await readdir(store)).toEqual([]);
  });

  test('and whose build makes no program is told so', async () => {
    const { again } = await resolve('{ build: { context: src } }', { profile: { build: () => ['true'] }, files });
    await expect(again()).rejects.toThrow(/release 1\.0\.0: the program cannot be read/);
  });

  test('from a folder that is not there is told with its place', async () => {
    const { again } = await resolve('{ build: { context: nowhere } }', { profile: copying });
    await expect(again()).rejects.toThrow(/net\.yaml:5:30: there is no folder nowhere/);
  });
});

describe('a release that is an image', () => {
  const images = {
    image: async (reference: string) => `sha256:${sha256(reference)}`,
    context: async ({ dockerfile }: { dockerfile: string }) => `sha256:${sha256(dockerfile)}`,
  } as unknown as ImageResolver;

  test('is its id, also when it is built with a dockerfile', async () => {
    const byReference = await (await resolve('{ image: chain:1 }', { images })).again();
    expect(byReference['1.0.0']).toMatchObject({ kind: 'image', digest: `sha256:${sha256('chain:1')}` });
    const built = await (await resolve('{ build: { context: src, dockerfile: File } }', { images })).again();
    expect(built['1.0.0']?.imageId).toBe(`sha256:${sha256('File')}`);
  });

  test('with another id than the pinned one is refused', async () => {
    const { again } = await resolve(`{ image: chain:1, digest: "sha256:${'0'.repeat(64)}" }`, { images });
    await expect(again()).rejects.toThrow(/release 1\.0\.0 has the digest sha256:\w+, but the file pins sha256:0+/);
  });
});

test('an unknown release is told with the nearest one', async () => {
  const loaded = await loadText(
    'system: chain\nlab: process\nversion: 1.0.0\nreleases:\n  1.0.0: { program: a }\nnodes: { validator: 1 }\n',
  );
  const options = { loaded, profile: plainProfile, store: '/nowhere' };
  await expect(resolveReleases(['1.0.1'], options)).rejects.toThrow('unknown release 1.0.1; did you mean 1.0.0?');
  await expect(resolveReleases(['toString'], options)).rejects.toThrow('unknown release toString; valid are: 1.0.0');
});
