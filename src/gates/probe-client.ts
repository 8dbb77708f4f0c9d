import type { ProbeClient } from '../spec/profile.ts';

export interface HttpRequest {
  method: 'GET' | 'POST';
  url: string;
  /** JSON text. */
  body?: string;
  /** Beside those that the body needs. */
  headers?: Readonly<Record<string, string>>;
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
