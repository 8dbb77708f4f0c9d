import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { hashOf } from '../../../core/canonical.ts';
import { systemClock, type Clock } from '../../../core/clock.ts';
import { AbortedError, LabError } from '../../../core/errors.ts';
import { labels } from '../../labels.ts';
import { engineCall } from '../engine-call.ts';
import { withHelper } from '../helper-container.ts';
import { logLines } from '../output-frames.ts';
import { buildHost, requireImageBuilder } from './build-host.ts';
import { defaultImages, type ImageName } from './default-images.ts';
import { followProgress } from './engine-progress.ts';
import { loadImage, saveImage } from './image-archive.ts';
import { findNodeBinary } from './node-binary.ts';
import { recipes, type Recipe } from './recipes.ts';
import { findImage, resolveImage, splitReference, whyMissing } from './resolve-image.ts';
import { withRootFilesystem } from './root-filesystem.ts';

const IMPORT_TIMEOUT_MS = 5 * 60_000;

export interface BuildLocalImagesOptions {
  /** Default: all. */
  which?: readonly ImageName[];
  onProgress?: (line: string) => void;
  signal?: AbortSignal | undefined;
  /** Whether mmdebstrap may be installed with apt-get when it is missing. Default false. */
  allowInstall?: boolean;
  /** Build again what is there, to take up newer packages. Default false. */
  rebuild?: boolean;
  /** Where built images are kept as archives, so that another engine gets them without a build. Default: nowhere. */
  cacheDir?: string;
  clock?: Clock;
}

export interface LocalImage {
  name: ImageName;
  state: 'present' | 'loaded' | 'built' | 'pulled' | 'left-out';
  /** The name under which the engine holds it; undefined when it was left out. */
  reference?: string;
  id?: string;
  /** Why it was left out, in one line. */
  reason?: string;
  elapsedMs: number;
}

/**
 * Makes the images that a testnet needs on a machine where no registry can be reached, from the machine's own Debian or Ubuntu
 * packages. An image that is there with equal content is left alone. Grafana is in no distribution: it is pulled or left out.
 */
export async function buildLocalImages(docker: Docker, options: BuildLocalImagesOptions = {}): Promise<LocalImage[]> {
  const { which = Object.keys(defaultImages) as ImageName[], clock = systemClock } = options;
  const images: LocalImage[] = [];
  // One after the other: each uses the package manager and most of a processor.
  for (const name of which) {
    const startMs = clock.monotonicMs();
    const recipe = recipes[name];
    const image = recipe ? await provide(docker, name, recipe, options) : await pullOrLeave(docker, name, options);
    images.push({ ...image, elapsedMs: Math.round(clock.monotonicMs() - startMs) });
  }
  return images;
}

async function provide(
  docker: Docker,
  name: ImageName,
  recipe: Recipe,
  options: BuildLocalImagesOptions,
): Promise<Omit<LocalImage, 'elapsedMs'>> {
  const { signal, onProgress, rebuild = false, allowInstall = false, cacheDir } = options;
  const reference = localReference(name);
  const host = await buildHost();
  const node = await findNodeBinary();
  const key = hashOf({ recipe, ...host, node: recipe.hasNode ? node.version : undefined });
  const archive = cacheDir === undefined ? undefined : join(cacheDir, `${name}-${key.slice(0, 24)}.tar`);
  if (!rebuild) {
    const present = await findWithKey(docker, reference, key, signal);
    if (present !== undefined) return { name, state: 'present', reference, id: present };
    if (archive !== undefined && existsSync(archive)) {
      await loadImage(docker, archive, signal);
      const loaded = await findWithKey(docker, reference, key, signal);
      if (loaded !== undefined) return { name, state: 'loaded', reference, id: loaded };
    }
  }
  const codename = await requireImageBuilder(host, { allowInstall, signal });
  onProgress?.(`${reference}: unpacking ${recipe.packages.join(' ')}`);
  const id = await withRootFilesystem(recipe, { codename, nodeBinary: node.path, signal }, (file) => {
    onProgress?.(`${reference}: importing`);
    return importArchive(docker, file, reference, [...recipe.changes, `LABEL ${labels.image}=${key}`], signal);
  });
  await prove(docker, reference, id, recipe, signal);
  if (archive !== undefined) await saveImage(docker, reference, archive, signal);
  return { name, state: 'built', reference, id };
}

async function pullOrLeave(
  docker: Docker,
  name: ImageName,
  { signal, onProgress }: BuildLocalImagesOptions,
): Promise<Omit<LocalImage, 'elapsedMs'>> {
  const reference: string | undefined = defaultImages[name].registry;
  if (reference === undefined) throw new LabError(`no registry serves an image for ${name}`);
  const present = await findImage(docker, reference, { signal });
  if (present !== undefined) return { name, state: 'present', reference, id: present };
  try {
    const id = await resolveImage(docker, reference, { signal, ...(onProgress ? { onProgress } : {}) });
    return { name, state: 'pulled', reference, id };
  } catch (error) {
    if (error instanceof AbortedError) throw error;
    return {
      name,
      state: 'left-out',
      reason: `${name} is left out: ${reference} cannot be pulled (${whyMissing(error)})`,
    };
  }
}

async function findWithKey(
  docker: Docker,
  reference: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const id = await findImage(docker, reference, { signal });
  if (id === undefined) return undefined;
  const facts = await engineCall(`inspect ${reference}`, { signal }, () => docker.getImage(id).inspect());
  const found: Record<string, string> | null = facts.Config.Labels;
  return found?.[labels.image] === key ? id : undefined;
}

async function importArchive(
  docker: Docker,
  file: string,
  reference: string,
  changes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const { repository: repo, tag } = splitReference(reference);
  const all = ['ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...changes];
  await engineCall(`import ${reference}`, { signal, timeoutMs: IMPORT_TIMEOUT_MS }, async (abortSignal) => {
    const stream = await docker.importImage(createReadStream(file), { repo, tag, changes: all, abortSignal });
    await followProgress(stream, undefined, abortSignal);
  });
  const id = await findImage(docker, reference, { signal });
  if (id === undefined) throw new LabError(`the Docker engine imported ${reference} but does not hold it`);
  return id;
}

/** Runs the image once: a library that its program needs and the recipe forgot shows here and not on a testnet. */
async function prove(
  docker: Docker,
  reference: string,
  id: string,
  recipe: Recipe,
  signal: AbortSignal | undefined,
): Promise<void> {
  const definition = { Image: id, Entrypoint: [...recipe.proof], Cmd: [], HostConfig: { NetworkMode: 'none' } };
  await withHelper(docker, `trying ${reference}`, definition, { signal }, (container) =>
    engineCall(`run ${recipe.proof.join(' ')} in ${reference}`, { signal }, async (abortSignal) => {
      await container.start({ abortSignal });
      const { StatusCode } = (await container.wait({ condition: 'not-running', abortSignal })) as {
        StatusCode: number;
      };
      if (StatusCode !== 0) {
        const log = await container.logs({ stdout: true, stderr: true, abortSignal });
        const text = logLines(log, false)
          .map((line) => line.text)
          .join('\n');
        throw new LabError(`${reference} does not work: ${recipe.proof.join(' ')} ended with ${StatusCode}: ${text}`);
      }
    }),
  );
}

function localReference(name: ImageName): string {
  const { local } = defaultImages[name];
  if (local === undefined) throw new LabError(`there is no local image for ${name}`);
  return local;
}
