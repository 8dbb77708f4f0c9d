import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Metrics } from './metrics.ts';
import type { Address } from './network.ts';

export interface Reply {
  readonly code: number;
  readonly body: object;
}

export interface Request {
  readonly parameter: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

export type Handler = (request: Request) => Reply | Promise<Reply>;

/** Handlers by method and route, such as `GET /block/:height`; a route takes at most one parameter, at its end. */
export type Routes = Readonly<Record<string, Handler>>;

/** What a bad release does to its answers; nothing in a clean one. */
interface Spoiling {
  readonly fails?: (route: string) => boolean;
  readonly delayMs?: number;
}

const maxBodyBytes = 64 * 1024;

/** JSON over HTTP, plus the metrics as text; counts every request. */
export class HttpServer {
  readonly #server: Server;
  readonly #routes: Routes;
  readonly #metrics: Metrics;
  readonly #spoiling: Spoiling;

  constructor(routes: Routes, metrics: Metrics, spoiling: Spoiling = {}) {
    this.#routes = routes;
    this.#metrics = metrics;
    this.#spoiling = spoiling;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  listen({ host, port }: Address): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Ends when open requests have been answered, after the deadline at the latest. */
  async stop(deadlineMs: number): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), deadlineMs);
    await closed;
    clearTimeout(timer);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const [pathname = '/', query = ''] = (request.url ?? '/').split('?', 2);
    const { route, parameter } = this.#match(pathname);
    response.on('finish', () =>
      this.#metrics.request(route, response.statusCode, (performance.now() - startedAt) / 1000),
    );
    try {
      if (this.#spoiling.delayMs) await sleep(this.#spoiling.delayMs);
      if (this.#spoiling.fails?.(route)) {
        respond(response, { code: 500, body: { error: 'internal error' } });
      } else if (route === '/metrics' && request.method === 'GET') {
        const { registry } = this.#metrics;
        response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics());
      } else {
        const handler = this.#routes[`${request.method ?? ''} ${route}`];
        const body = await readBody(request);
        if (handler === undefined) respond(response, unknownRoute(route, pathname));
        else if (body === null) respond(response, { code: 400, body: { error: `body over ${maxBodyBytes} bytes` } });
        else respond(response, await handler({ parameter, query: new URLSearchParams(query), body }));
      }
    } catch (error) {
      if (response.headersSent) response.destroy();
      else respond(response, { code: 500, body: { error: error instanceof Error ? error.message : String(error) } });
    }
  }

  #match(pathname: string): { readonly route: string; readonly parameter: string } {
    for (const key of [...Object.keys(this.#routes), 'GET /metrics']) {
      const route = key.slice(key.indexOf(' ') + 1);
      const prefix = route.slice(0, route.indexOf(':'));
      if (!route.includes(':') ? pathname === route : pathname.startsWith(prefix) && pathname.length > prefix.length) {
        return { route, parameter: route.includes(':') ? decode(pathname.slice(prefix.length)) : '' };
      }
    }
    return { route: 'other', parameter: '' };
  }
}

function unknownRoute(route: string, pathname: string): Reply {
  return route === 'other'
    ? { code: 404, body: { error: `nothing at ${pathname}` } }
    : { code: 405, body: { error: 'method not allowed' } };
}

function respond(response: ServerResponse, { code, body }: Reply): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    // Read to the end even when it is too large, so that the answer reaches the client.
    if (sizeBytes <= maxBodyBytes) chunks.push(chunk);
    else if (sizeBytes > 16 * maxBodyBytes) break;
  }
  return sizeBytes > maxBodyBytes ? null : Buffer.concat(chunks).toString();
}
