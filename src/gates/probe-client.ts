import { abortedError, type Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { ProbeClient } from '../spec/profile.ts';

export interface HttpRequest {
  method: 'GET' | 'POST';
  url: string;
  /** JSON text. */
  body?: string;
  timeoutMs: number;
  maxBytes: number;
  signal?: AbortSignal | undefined;
}

/** Sends one request and reads the whole answer. Rejects when there was no answer, it came too late or it was too large. */
export type HttpTransport = (request: HttpRequest) => Promise<{ status: number; text: string }>;

export interface ProbeClientOptions {
  /** Base URL of each port, as in `http://127.0.0.1:4100`. */
  baseUrl(port: string): string;
  transport: HttpTransport;
  /** Limit of each call in ms. Default 1 000. */
  timeoutMs?: number | undefined;
  /** Largest answer that is read. Default 4 MiB. */
  maxBytes?: number;
  /** Ends every call of this client. */
  signal?: AbortSignal | undefined;
}

/** The client that a profile's probes use: every call has its own deadline and no answer is read without a limit. */
export function createProbeClient(options: ProbeClientOptions): ProbeClient {
  const { transport, timeoutMs = 1000, maxBytes = 4 * 1024 * 1024, signal } = options;
  const get = async (port: string, path: string): Promise<string> => {
    const url = options.baseUrl(port) + path;
    const { status, text } = await transport({ method: 'GET', url, timeoutMs, maxBytes, signal });
    if (status < 200 || status > 299) throw new Error(`GET ${path} on ${port} answered ${status}`);
    return text;
  };
  return {
    getText: get,
    async getJson(port, path) {
      const text = await get(port, path);
      try {
        return JSON.parse(text) as unknown;
      } catch (cause) {
        throw new Error(`GET ${path} on ${port} did not answer with JSON`, { cause });
      }
    },
    async postJson(port, path, body) {
      const url = options.baseUrl(port) + path;
      const sent = JSON.stringify(body);
      const { status, text } = await transport({ method: 'POST', url, body: sent, timeoutMs, maxBytes, signal });
      return { status, body: parseOrText(text) };
    },
  };
}

function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** HTTP over the runtime's own client; connections are kept and reused. */
export function fetchTransport(clock: Clock): HttpTransport {
  return async ({ method, url, body, timeoutMs, maxBytes, signal }) => {
    if (signal?.aborted) throw abortedError(signal);
    const call = new AbortController();
    const timer = new AbortController();
    const onAbort = (): void => call.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    clock.sleep(timeoutMs, timer.signal).then(
      () => call.abort(new Error(`no answer within ${timeoutMs} ms`)),
      () => undefined,
    );
    try {
      const response = await fetch(url, {
        method,
        signal: call.signal,
        redirect: 'manual',
        ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
      });
      return { status: response.status, text: await readLimited(response, maxBytes) };
    } catch (error) {
      if (signal?.aborted) throw abortedError(signal);
      throw new Error(`${method} ${url}: ${reasonOf(error)}`, { cause: error });
    } finally {
      timer.abort();
      signal?.removeEventListener('abort', onAbort);
    }
  };
}

async function readLimited(response: Response, maxBytes: number): Promise<string> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The runtime says "fetch failed" and hides why in the cause. */
function reasonOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return messageOf(error);
  if (cause.message !== '') return cause.message;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : messageOf(error);
}
