import type Docker from 'dockerode';
import { abortedError } from '../../../core/clock.ts';
import { LabError, messageOf, UsageError } from '../../../core/errors.ts';
import { engineCall, isMissing, reasonOf, statusOf } from '../engine-call.ts';
import { followProgress } from './engine-progress.ts';

export interface ResolveImageOptions {
  signal?: AbortSignal | undefined;
  /** Limit of a whole pull in ms. Default 10 min. */
  timeoutMs?: number;
  /** How long a registry may say nothing, at first or in between, in ms. Default 20 s, so that a missing network fails fast. */
  silenceMs?: number;
  onProgress?: (line: string) => void;
}

/** The id (`sha256:…`) of an image that the engine holds, or undefined. `reference` is a name, or an id. */
export async function findImage(
  docker: Docker,
  reference: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<string | undefined> {
  if (!/^[A-Za-z0-9][\w.:/@-]*$/.test(reference)) throw new UsageError(`"${reference}" is not the name of an image`);
  try {
    const facts = await engineCall(`look up image ${reference}`, options, () => docker.getImage(reference).inspect());
    return facts.Id;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (statusOf(error) === 400) throw new UsageError(`"${reference}" is not the name of an image`, { cause: error });
    throw error;
  }
}

/** The id of an image: what the engine holds under that name, else what it pulls. */
export async function resolveImage(
  docker: Docker,
  reference: string,
  options: ResolveImageOptions = {},
): Promise<string> {
  const present = await findImage(docker, reference, options);
  if (present !== undefined) return present;
  if (/^(sha256:)?[0-9a-f]{64}$/.test(reference)) {
    throw new LabError(
      `the Docker engine holds no image ${reference}, and an id cannot be pulled; name the image instead`,
    );
  }
  await pullImage(docker, reference, options);
  const pulled = await findImage(docker, reference, options);
  if (pulled !== undefined) return pulled;
  throw new LabError(`the Docker engine pulled ${reference} but does not hold it`);
}

async function pullImage(docker: Docker, reference: string, options: ResolveImageOptions): Promise<void> {
  const { signal, timeoutMs = 600_000, silenceMs = 20_000, onProgress } = options;
  const { repository, tag } = splitReference(reference);
  let last = '';
  const silence = new SilenceLimit(silenceMs);
  const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  try {
    await engineCall(`pull ${reference}`, { signal: either, timeoutMs }, async (abortSignal) => {
      const stream = await docker.createImage({ fromImage: repository, tag, abortSignal });
      await followProgress(
        stream,
        ({ id, status }) => {
          silence.heard();
          const line = [id, status].filter(Boolean).join(': ');
          if (status !== undefined && line !== last) onProgress?.((last = line));
        },
        abortSignal,
      );
    });
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    const reason = silence.signal.aborted ? `the registry said nothing for ${silenceMs} ms` : pullReason(error);
    throw new LabError(
      `image ${reference} is not here and cannot be pulled: ${reason}. Check the name; ` +
        'on a machine that reaches no registry, `seatrial images` builds local ones, and `docker load` brings in others',
      { cause: error, details: { reference, reason } },
    );
  } finally {
    silence.end();
  }
}

/** Why an image cannot be had, in the engine's words and without advice. */
export function whyMissing(error: unknown): string {
  const reason = error instanceof LabError ? error.details['reason'] : undefined;
  return typeof reason === 'string' ? reason : messageOf(error);
}

function pullReason(error: unknown): string {
  return error instanceof LabError && error.cause !== undefined ? reasonOf(error.cause) : messageOf(error);
}

/** The engine wants repository and tag apart; a digest takes the place of the tag. */
export function splitReference(reference: string): { repository: string; tag: string } {
  const at = reference.indexOf('@');
  if (at >= 0) return { repository: reference.slice(0, at), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(':');
  if (colon > reference.lastIndexOf('/')) {
    return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  }
  return { repository: reference, tag: 'latest' };
}

/** A signal that is aborted when nothing was heard for a time. */
class SilenceLimit {
  readonly #controller = new AbortController();
  readonly #silenceMs: number;
  #current: AbortSignal | undefined;
  readonly #onTimeout = (event: Event): void => {
    if (event.target === this.#current) this.#controller.abort();
  };

  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
    this.heard();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(): void {
    this.end();
    this.#current = AbortSignal.timeout(this.#silenceMs);
    this.#current.addEventListener('abort', this.#onTimeout);
  }

  end(): void {
    this.#current?.removeEventListener('abort', this.#onTimeout);
    this.#current = undefined;
  }
}
