import { existsSync } from 'node:fs';
import { abortedError } from '../../core/clock.ts';
import { AbortedError, LabError, messageOf, SeatrialError } from '../../core/errors.ts';
import type { CallOptions } from '../lab.ts';

const DEFAULT_CALL_TIMEOUT_MS = 30_000;

/**
 * Runs one exchange with the engine under the caller's signal and a deadline, and turns whatever goes wrong into an error that
 * says what was being done. `what` completes the sentence "could not …": "stop validator-0".
 */
export async function engineCall<T>(
  what: string,
  options: CallOptions & { defaultTimeoutMs?: number },
  call: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  if (signal?.aborted) throw abortedError(signal);
  const timeoutMs = options.timeoutMs ?? options.defaultTimeoutMs ?? DEFAULT_CALL_TIMEOUT_MS;
  const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
  try {
    return await untilAborted(call, signal ? AbortSignal.any([signal, deadline]) : deadline);
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    if (error instanceof SeatrialError && !(error instanceof AbortedError)) throw error;
    if (deadline.aborted) {
      throw new LabError(`could not ${what}: the Docker engine did not finish within ${timeoutMs} ms`, {
        cause: error,
        details: { timeoutMs },
      });
    }
    throw engineError(what, error);
  }
}

/** Not every call of dockerode takes a signal; the wait ends with the signal all the same. */
async function untilAborted<T>(call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(abortedError(signal)), { once: true, signal: ended.signal });
  });
  try {
    return await Promise.race([call(signal), aborted]);
  } finally {
    ended.abort();
  }
}

/** The HTTP status with which the engine refused a call, if it answered at all. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof LabError) return statusOf(error.cause);
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}

/** Whether the engine answered that there is no such object. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** The engine's own words. */
export function reasonOf(error: unknown): string {
  const json: unknown = error instanceof Error && 'json' in error ? error.json : undefined;
  if (json !== null && typeof json === 'object' && 'message' in json && typeof json.message === 'string') {
    return json.message.trim();
  }
  return messageOf(error)
    .replace(/^\(HTTP code \d+\) .*? - /, '')
    .trim();
}

function engineError(what: string, error: unknown): LabError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const socketPath = error instanceof Error && 'address' in error ? String(error.address) : undefined;
  if (socketPath !== undefined && (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EACCES')) {
    return new LabError(unreachableMessage(socketPath, code), { cause: error, details: { socketPath, errno: code } });
  }
  const statusCode = statusOf(error);
  return new LabError(`could not ${what}: ${reasonOf(error)}`, {
    cause: error,
    details: statusCode === undefined ? {} : { statusCode },
  });
}

function unreachableMessage(socketPath: string, errno: string): string {
  const start = existsSync('/run/systemd/system') ? 'sudo systemctl start docker' : 'sudo dockerd';
  const advice =
    errno === 'EACCES'
      ? 'this user may not use it; try `sudo usermod -aG docker "$USER"` and log in again'
      : `no Docker engine is running there; try \`${start}\`, or name another socket with DOCKER_HOST=unix:///path`;
  return `cannot reach a Docker engine at ${socketPath} (${errno}): ${advice}`;
}
