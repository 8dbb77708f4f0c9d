import type { Agent as HttpAgent, ClientRequest, IncomingMessage } from 'node:http';
import { abortedError, type Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { HttpRequest, HttpTransport } from './probe-client.ts';

// An import statement would read every export of the module and with them load what hides behind its getters (WebSocket, and so
// all of undici): 30 ms of processor time that only a command of 70 ms notices.
const { Agent, request: httpRequest } = process.getBuiltinModule('node:http');

/**
 * Plain HTTP with connections that are kept and reused. Node's own client instead of `fetch`: loading that costs more processor
 * time than a whole `seatrial status`.
 */
export function httpTransport(clock: Clock): HttpTransport {
  // An idle connection must not keep the command alive.
  const agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: 30_000 });
  return async (request) => {
    const { method, url, timeoutMs, signal } = request;
    if (signal?.aborted) throw abortedError(signal);
    const call = new AbortController();
    const timer = new AbortController();
    const onAbort = (): void => call.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    clock.sleep(timeoutMs, timer.signal).then(
      () => call.abort(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })),
      () => undefined,
    );
    try {
      return await send(request, agent, call.signal);
    } catch (error) {
      if (signal?.aborted) throw abortedError(signal);
      throw new Error(`${method} ${url}: ${reasonOf(call.signal.aborted ? call.signal.reason : error)}`, {
        cause: error,
      });
    } finally {
      timer.abort();
      signal?.removeEventListener('abort', onAbort);
    }
  };
}

async function send(
  request: HttpRequest,
  agent: HttpAgent,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  for (let isRetry = false; ; isRetry = true) {
    let sent: ClientRequest | undefined;
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        sent = httpRequest(request.url, {
          method: request.method,
          agent,
          signal,
          headers: {
            ...request.headers,
            ...(request.body !== undefined && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(request.body),
            }),
          },
        });
        sent.on('response', resolve).on('error', reject).end(request.body);
      });
      return { status: response.statusCode ?? 0, text: await readLimited(response, request.maxBytes) };
    } catch (error) {
      // The server closed a kept connection just as it was used again: nothing was asked, so a question may be asked anew.
      if (!isRetry && request.method === 'GET' && sent?.reusedSocket && !signal.aborted) continue;
      throw error;
    }
  }
}

async function readLimited(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An AggregateError of several addresses has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.message === '' && 'code' in error && typeof error.code === 'string')
    return error.code;
  return messageOf(error);
}
