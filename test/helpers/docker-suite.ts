import { expect, test } from 'vitest';
import { messageOf } from '../../src/core/errors.ts';
import { connectDocker, type DockerEngine } from '../../src/lab/docker/connection.ts';
import { defaultImages, type ImageName } from '../../src/lab/docker/images/default-images.ts';
import { buildLocalImages } from '../../src/lab/docker/images/local-images.ts';
import { resolveImages } from '../../src/lab/docker/images/resolve-images.ts';
import { imageCacheDir, mayInstallPackages } from './docker-engine.ts';

export type DockerForTests =
  { engine: DockerEngine; images: Partial<Record<ImageName, string>>; missing: undefined } | { missing: string };

/**
 * The engine that DOCKER_HOST or the default socket names, and the images that a suite needs, built when they are not there.
 * Otherwise `missing` says in one line what is lacking: `describe.skipIf(docker.missing)`.
 */
export async function dockerForTests(names: readonly ImageName[]): Promise<DockerForTests> {
  try {
    const engine = await connectDocker();
    const images = await provideImages(engine, names);
    const absent = names.filter((name) => images[name] === undefined);
    return absent.length === 0
      ? { engine, images, missing: undefined }
      : { missing: `no image for ${absent.join(', ')}` };
  } catch (error) {
    return { missing: messageOf(error) };
  }
}

/**
 * Defines a suite that needs an engine. Where there is none it is one skipped test whose title says what is lacking: the only reason for
 * which tests of containers may be left out.
 */
export function describeWithDocker(
  title: string,
  docker: DockerForTests,
  define: (docker: Extract<DockerForTests, { missing: undefined }>) => void,
): void {
  if (docker.missing === undefined) define(docker);
  test.skipIf(docker.missing !== undefined)(suiteTitle(`${title} has its Docker engine`, docker), () => {
    expect(docker.missing).toBeUndefined();
  });
}

/** The title of a suite, with what it lacks when it cannot run. */
export function suiteTitle(title: string, docker: DockerForTests): string {
  return docker.missing === undefined ? title : `${title} [skipped: ${docker.missing}]`;
}

/** Local images first: unlike those of a registry they are checked against their recipe, so that an old one is not taken. */
async function provideImages(
  { docker }: DockerEngine,
  names: readonly ImageName[],
): Promise<Partial<Record<ImageName, string>>> {
  try {
    const options = { which: names, allowInstall: mayInstallPackages(), cacheDir: imageCacheDir() };
    const built = await buildLocalImages(docker, options);
    return Object.fromEntries(built.map(({ name, id }) => [name, id]));
  } catch {
    // What no registry serves is only built.
    const wanted = Object.fromEntries(
      names.map((name) => [name, defaultImages[name].registry ?? defaultImages[name].local]),
    );
    return resolveImages(docker, wanted, { silenceMs: 5000 });
  }
}
