import { readFile, stat } from 'node:fs/promises';
import { S3mini } from 's3mini';
import { abortedError } from '../core/clock.ts';
import { LabError, messageOf, RefusedError, SeatrialError, UsageError } from '../core/errors.ts';
import type { BackupTarget } from './backup-target.ts';
import { MissingObjectError } from './stored-objects.ts';

export interface S3Settings {
  endpoint: string;
  bucket: string;
  /** Put before every key. */
  prefix?: string | undefined;
  region?: string | undefined;
}

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/**
 * What is larger is kept in parts of this size, each an object of its own that is there as a whole or not at all: memory stays bounded,
 * a part is sent anew on its own, and no unfinished uploads stay behind that only the storage would know.
 */
const partBytes = 16 * 1024 * 1024;
const requestTimeoutMs = 300_000;
const partSuffix = /\/part-\d{6}$/;

/** Backups in S3-compatible storage, by path-style requests that are signed (version 4). */
export function s3Target(settings: S3Settings, credentials: S3Credentials): BackupTarget {
  const { endpoint, bucket, prefix = '', region = 'auto' } = settings;
  const url = new URL(endpoint);
  const base = prefix.replace(/^\/+|\/+$/g, '');
  const key = (path: string): string => (base === '' ? path : `${base}/${path}`);
  const name = `s3://${key('').replace(/^/, `${bucket}/`).replace(/\/$/, '')} at ${url.host}`;

  const client = (signal: AbortSignal | undefined): S3mini =>
    new S3mini({
      ...credentials,
      endpoint: `${endpoint.replace(/\/+$/, '')}/${bucket}`,
      region,
      requestAbortTimeout: requestTimeoutMs,
      fetch: (input, init) => {
        const signals = [init?.signal, signal].filter((one) => one !== undefined && one !== null);
        return fetch(input, { ...init, ...(signals.length > 0 && { signal: AbortSignal.any(signals) }) });
      },
    });
  const attempt = async <T>(what: string, path: string, signal: AbortSignal | undefined, work: () => Promise<T>) => {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted) throw abortedError(signal);
      if (error instanceof SeatrialError) throw error;
      throw new LabError(`cannot ${what} ${path} in ${name}: ${messageOf(error)}`, {
        // The library's own error may hold the request.
        details: { target: name, path },
      });
    }
  };
  const keysBelow = async (path: string, signal: AbortSignal | undefined): Promise<string[]> => {
    const found = await client(signal).listObjects('/', key(path));
    return (found ?? []).map(({ Key }) => (base === '' ? Key : Key.slice(base.length + 1)));
  };
  const partsOf = async (path: string, signal: AbortSignal | undefined): Promise<string[]> =>
    (await keysBelow(`${path}/`, signal)).filter((found) => partSuffix.test(found)).sort();

  const target: BackupTarget = {
    name,

    put: (path, source, signal) =>
      attempt('write', path, signal, async () => {
        const isInParts = source.sizeBytes > partBytes;
        try {
          let number = 0;
          for await (const part of partsFrom(source.open())) {
            const partPath = isInParts ? `${path}/part-${String(++number).padStart(6, '0')}` : path;
            const answer = await client(signal).putObject(key(partPath), part, 'application/octet-stream');
            if (!answer.ok) throw new Error(`status ${answer.status}`);
          }
          // What an earlier, larger or smaller, object of this path left would be read with it.
          const stale = (await partsOf(path, signal)).slice(number);
          for (const one of stale) await client(signal).deleteObject(key(one));
          if (isInParts) await client(signal).deleteObject(key(path));
        } catch (error) {
          await target.remove(path).catch(() => undefined);
          throw error;
        }
      }),

    async *get(path, signal) {
      const read = (one: string) =>
        attempt('read', one, signal, async () => (await client(signal).getObjectResponse(key(one)))?.body ?? undefined);
      const whole = await read(path);
      const parts = whole ? [path] : await attempt('read', path, signal, () => partsOf(path, signal));
      if (parts.length === 0) throw new MissingObjectError(name, path);
      for (const part of parts) {
        const body = part === path ? whole : await read(part);
        if (!body) throw new MissingObjectError(name, part);
        const reader = body.getReader();
        for (;;) {
          const chunk = await attempt('read', part, signal, () => reader.read());
          if (chunk.done) break;
          yield chunk.value as Uint8Array;
        }
      }
    },

    list: (prefixPath, signal) =>
      attempt('list', prefixPath, signal, async () => {
        const found = await keysBelow(prefixPath, signal);
        return [...new Set(found.map((path) => path.replace(partSuffix, '')))];
      }),

    remove: (path, signal) =>
      attempt('remove', path, signal, async () => {
        for (const one of [path, ...(await partsOf(path, signal))]) await client(signal).deleteObject(key(one));
      }),
  };
  return target;
}

/** Credentials from a 0600 file of NAME=value lines, or from the environment; never from arguments. */
export async function s3Credentials(file: string | undefined, env: NodeJS.ProcessEnv): Promise<S3Credentials> {
  const values = file === undefined ? env : await valuesIn(file);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = values;
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey };
  const where = file ?? 'the environment';
  throw new UsageError(`S3 storage needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which ${where} does not hold`);
}

async function valuesIn(file: string): Promise<Record<string, string>> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new UsageError(`the credentials file ${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  if ((found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8);
    throw new RefusedError('unsafe', `the credentials file ${file} can be read by others (mode ${mode}); make it 0600`);
  }
  const lines = (await readFile(file, 'utf8'))
    .split('\n')
    .map((line) => /^\s*(?:export\s+)?(\w+)=(.*?)\s*$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => (match ? [[match[1], match[2]]] : [])) as [string, string][]);
}

/** The same bytes in buffers of `partBytes`, the last one shorter; one that is empty when there are none. */
async function* partsFrom(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let isFirst = true;
  for await (const chunk of source) {
    let rest = chunk;
    while (heldBytes + rest.length >= partBytes) {
      const taken = rest.subarray(0, partBytes - heldBytes);
      yield Buffer.concat([...held, taken]);
      isFirst = false;
      held = [];
      heldBytes = 0;
      rest = rest.subarray(taken.length);
    }
    if (rest.length === 0) continue;
    held.push(rest);
    heldBytes += rest.length;
  }
  if (heldBytes > 0 || isFirst) yield Buffer.concat(held);
}
