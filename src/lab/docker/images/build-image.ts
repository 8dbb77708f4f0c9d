import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { LabError, UsageError } from '../../../core/errors.ts';
import { engineCall } from '../engine-call.ts';
import { followProgress } from './engine-progress.ts';

const BUILD_TIMEOUT_MS = 15 * 60_000;

export interface BuildOptions {
  signal?: AbortSignal | undefined;
  /** Default 15 min. */
  timeoutMs?: number;
  onProgress?: (line: string) => void;
}

export interface ContextImage {
  /** The build context: a folder. Its .dockerignore is obeyed. */
  context: string;
  /** Path of the Dockerfile relative to the context. Default "Dockerfile". */
  dockerfile?: string;
  /** Build arguments. Never secrets: the engine keeps them in the image's history. */
  args?: Record<string, string>;
}

/** Builds the image of a release that is a build context. The engine's own cache makes a second build of the same one quick. */
export async function contextImage(docker: Docker, image: ContextImage, options: BuildOptions = {}): Promise<string> {
  const { context, dockerfile = 'Dockerfile', args = {} } = image;
  const found = await stat(join(context, dockerfile)).catch(() => undefined);
  if (!found?.isFile()) throw new UsageError(`build context ${context} has no ${dockerfile}`);
  const src = await readdir(context);
  return runBuild(
    docker,
    `build ${join(context, dockerfile)}`,
    { context, src },
    { dockerfile, buildargs: args },
    options,
  );
}

/** Builds from an archive made in memory. */
export async function archiveImage(
  docker: Docker,
  what: string,
  archive: Buffer,
  settings: Docker.ImageBuildOptions,
  options: BuildOptions,
): Promise<string> {
  return runBuild(docker, what, Readable.from([archive]), settings, options);
}

async function runBuild(
  docker: Docker,
  what: string,
  source: NodeJS.ReadableStream | Docker.ImageBuildContext,
  settings: Docker.ImageBuildOptions,
  { signal, timeoutMs = BUILD_TIMEOUT_MS, onProgress }: BuildOptions,
): Promise<string> {
  let id: string | undefined;
  const recent: string[] = [];
  await engineCall(what, { signal, timeoutMs }, async (abortSignal) => {
    const stream = await docker.buildImage(source, { rm: true, forcerm: true, ...settings, abortSignal });
    try {
      await followProgress(
        stream,
        (event) => {
          id = event.aux?.ID ?? id;
          const line = event.stream?.trimEnd() ?? '';
          if (line === '') return;
          onProgress?.(line);
          recent.push(line);
          if (recent.length > 20) recent.shift();
        },
        abortSignal,
      );
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      throw new LabError(`could not ${what}: ${error.message}\n${recent.join('\n')}`, { cause: error });
    }
  });
  if (id === undefined) throw new LabError(`could not ${what}: the Docker engine reported no image`);
  return id;
}
