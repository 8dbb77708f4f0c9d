import { AbortedError, SeatrialError } from './errors.ts';

/**
 * What a call says about its host. `failure`: the host was not reached, answered too late, or that it cannot (5xx, 429). `answer`:
 * it did its work, be it to refuse (4xx, "already so"). `nothing`: the caller gave up, or what failed is not the host's way of
 * answering: an assertion, a right that is missing (401, 403), a disk that is full.
 */
export type CallOutcome = 'failure' | 'answer' | 'nothing';

const FAILED = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EAI_AGAIN',
  'ENOTFOUND',
]);
const FATAL = new Set(['EACCES', 'EPERM', 'ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE']);
const STORAGE = /no space left on device|disk quota exceeded|read-only file system/i;
const DEEPEST_CAUSE = 10;

export function outcomeOfStatus(status: number): CallOutcome {
  if (status === 401 || status === 403) return 'nothing';
  return status === 429 || status >= 500 ? 'failure' : 'answer';
}

/** Reads an error and its causes; the outermost that says something decides. */
export function outcomeOfError(error: unknown): CallOutcome {
  let current = error;
  for (let depth = 0; depth < DEEPEST_CAUSE && current instanceof Error; depth++, current = current.cause) {
    const outcome = outcomeOfOne(current);
    if (outcome !== undefined) return outcome;
  }
  return 'nothing';
}

function outcomeOfOne(error: Error): CallOutcome | undefined {
  if (error instanceof AbortedError) return isTimeout(error.cause) ? 'failure' : 'nothing';
  // Of a refusal the engine's own words are the best there is: it says 500 for a full disk as well.
  if (STORAGE.test(error.message)) return 'nothing';
  const { code, statusCode, syscall } = error as { code?: unknown; statusCode?: unknown; syscall?: unknown };
  if (typeof statusCode === 'number') return outcomeOfStatus(statusCode);
  if (error instanceof SeatrialError) {
    // A time-out of ours. What our other errors mean stands in their causes.
    return typeof error.details['timeoutMs'] === 'number' ? 'failure' : undefined;
  }
  if (isTimeout(error)) return 'failure';
  if (typeof code !== 'string') return undefined;
  if (FATAL.has(code)) return 'nothing';
  // A socket that is not there is a service that is not there.
  return FAILED.has(code) || (code === 'ENOENT' && syscall === 'connect') ? 'failure' : undefined;
}

/** Also the reason with which a deadline of ours aborts a call. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || ('code' in error && error.code === 'ETIMEDOUT'));
}
