import type Docker from 'dockerode';
import { AbortedError, LabError, messageOf } from '../../../core/errors.ts';
import { defaultImages, type DefaultImage, type ImageName } from './default-images.ts';
import { findImage, resolveImage, type ResolveImageOptions } from './resolve-image.ts';

export interface ResolveImagesOptions extends ResolveImageOptions {
  /** Told once for each image that is left out, in one line for people. */
  onNotice?: (line: string) => void;
}

/**
 * Ids of the images that a testnet needs besides its releases. `wanted` maps each to a reference; a default one is what the
 * engine holds under its registry name, else what `seatrial images` built, else what can be pulled, in this order: what was
 * used once stays in use, and a machine without a registry waits for none. Grafana alone may be left out (undefined).
 */
export async function resolveImages(
  docker: Docker,
  wanted: Partial<Record<ImageName, string>>,
  options: ResolveImagesOptions = {},
): Promise<Partial<Record<ImageName, string>>> {
  const found = await Promise.all(
    (Object.entries(wanted) as [ImageName, string][]).map(
      async ([name, reference]) => [name, await resolveOne(docker, name, reference, options)] as const,
    ),
  );
  return Object.fromEntries(found.filter(([, id]) => id !== undefined));
}

async function resolveOne(
  docker: Docker,
  name: ImageName,
  reference: string,
  options: ResolveImagesOptions,
): Promise<string | undefined> {
  const standard: DefaultImage = defaultImages[name];
  if (reference === standard.registry) {
    const present = await findImage(docker, reference, options);
    if (present !== undefined) return present;
    const local = standard.local && (await findImage(docker, standard.local, options));
    if (local) return local;
  }
  try {
    return await resolveImage(docker, reference, options);
  } catch (error) {
    if (error instanceof AbortedError) throw error;
    if (name === 'grafana' && reference === standard.registry) {
      options.onNotice?.(`Grafana is left out: its image ${reference} is not here and cannot be pulled`);
      return undefined;
    }
    throw new LabError(`the ${name} image cannot be had: ${messageOf(error)}`, {
      cause: error,
      details: { name, reference },
    });
  }
}
