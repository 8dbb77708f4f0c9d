import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { engineCall } from '../engine-call.ts';
import { followProgress } from './engine-progress.ts';

const TRANSFER_TIMEOUT_MS = 5 * 60_000;

/** Writes an image to a file as `docker save` does; the file is there whole or not at all. */
export async function saveImage(docker: Docker, reference: string, file: string, signal?: AbortSignal): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${randomBytes(4).toString('hex')}`;
  try {
    await engineCall(`save image ${reference}`, { signal, timeoutMs: TRANSFER_TIMEOUT_MS }, async (abortSignal) => {
      const archive = await docker.getImage(reference).get();
      await pipeline(archive, createWriteStream(temporary), { signal: abortSignal });
    });
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Reads images from a file as `docker load` does. */
export async function loadImage(docker: Docker, file: string, signal?: AbortSignal): Promise<void> {
  await engineCall(`load ${file}`, { signal, timeoutMs: TRANSFER_TIMEOUT_MS }, async (abortSignal) => {
    await followProgress(
      await docker.loadImage(createReadStream(file), { quiet: true, abortSignal }),
      undefined,
      abortSignal,
    );
  });
}
