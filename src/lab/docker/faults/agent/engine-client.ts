import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { engineSocket } from './task.ts';

const TIMEOUT_MS = 15_000;

export interface ContainerState {
  Id: string;
  State: {
    Running: boolean;
    Paused: boolean;
    Restarting: boolean;
    ExitCode: number;
    StartedAt: string;
  };
}

interface EngineAnswer {
  status: number;
  body: Buffer;
}

/** One exchange with the engine. `accepted`: statuses beside 2xx that are no failure. */
export async function askEngine(
  method: string,
  path: string,
  options: { accepted?: readonly number[]; body?: Buffer; contentType?: string; timeoutMs?: number } = {},
): Promise<EngineAnswer> {
  const { accepted = [], body, contentType = 'application/json', timeoutMs = TIMEOUT_MS } = options;
  const { promise, resolve, reject } = Promise.withResolvers<EngineAnswer>();
  const headers = body ? { 'content-type': contentType, 'content-length': body.length } : {};
  const exchange = request(
    { socketPath: engineSocket, method, path, headers, signal: AbortSignal.timeout(timeoutMs) },
    (response) => {
      buffer(response).then((content) => resolve({ status: response.statusCode ?? 0, body: content }), reject);
    },
  );
  exchange.once('error', reject);
  exchange.end(body);
  const answer = await promise;
  if ((answer.status >= 200 && answer.status < 300) || accepted.includes(answer.status)) return answer;
  throw new Error(`the engine refused ${method} ${path.split('?')[0]} with ${answer.status}: ${reasonIn(answer.body)}`);
}

/** Undefined when there is no such container any more. */
export async function inspectContainer(id: string): Promise<ContainerState | undefined> {
  const { status, body } = await askEngine('GET', `/containers/${id}/json`, { accepted: [404] });
  return status === 404 ? undefined : (JSON.parse(body.toString('utf8')) as ContainerState);
}

export async function mustInspect(id: string): Promise<ContainerState> {
  const found = await inspectContainer(id);
  if (!found) throw new Error('its container is gone');
  return found;
}

/** Starts what is stopped; one that is gone, or runs, is left alone. */
export async function startContainer(id: string): Promise<void> {
  await askEngine('POST', `/containers/${id}/start`, { accepted: [304, 404], timeoutMs: 60_000 });
}

export function isUp({ State }: ContainerState): boolean {
  return State.Running || State.Restarting;
}

function reasonIn(body: Buffer): string {
  const text = body.toString('utf8').trim();
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}
