import { systemClock } from '../../src/core/clock.ts';
import type Docker from 'dockerode';

/** What a resource's operations get: the engine, and how long they may take. */
export interface EngineCall {
  docker: Docker;
  /** Aborted when the operation's time is up; passed to every call to the engine. */
  deadline: AbortSignal;
  /** Aborted also when the user cancels; passed to long waits only, so that no thing is half made or lost from the state. */
  patience: AbortSignal;
}

/** The Docker engine's own refusal, or its absence. */
export interface EngineError extends Error {
  statusCode?: number;
  json?: { message?: string };
  code?: string;
}

/** Opens the engine at a `unix://` address. The library loads here, since an update without changes asks the engine nothing. */
export async function openEngine(host: string): Promise<Docker> {
  const { default: Client } = await import('dockerode');
  // A host from DOCKER_HOST would win over the socket.
  const options = { socketPath: host.slice('unix://'.length), host: undefined, port: undefined, protocol: 'http' };
  return new Client(options as Docker.DockerOptions);
}

export function isStatus(error: unknown, ...statusCodes: number[]): boolean {
  return statusCodes.includes((error as EngineError).statusCode ?? 0);
}

/** What the engine said, worded like the official provider's messages. */
export function engineMessage(error: unknown): string {
  const { statusCode, json, message, code } = error as EngineError;
  if (statusCode !== undefined) return `Error response from daemon: ${json?.message ?? message}`;
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EACCES') {
    return `Cannot connect to the Docker engine (${message}); is it running?`;
  }
  return message;
}

/** The result of a call, or undefined where the engine answers with one of these status codes. */
export async function unlessStatus<T>(call: Promise<T>, ...statusCodes: number[]): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isStatus(error, ...statusCodes)) return undefined;
    throw error;
  }
}

/** Repeats `attempt` until it answers true. Rejects with the signal's reason when the signal is aborted first. */
export async function pollUntil(
  attempt: () => Promise<boolean>,
  intervalMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!(await attempt())) await systemClock.sleep(intervalMs, signal);
}
