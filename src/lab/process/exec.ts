import { constants } from 'node:os';
import { execa } from 'execa';
import { abortedError, type Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { isErrno } from '../../core/files.ts';
import type { CallOptions } from '../lab.ts';

const OUTPUT_LIMIT_BYTES = 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 30_000;
/** What a shell reports for a program that cannot be found. */
const NOT_FOUND = 127;

interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs one command to its end; output beyond 1 MiB a stream is dropped, the command goes on. When its time is over, or the signal
 * is aborted, it is killed together with its children.
 */
export async function execBeside(
  what: { node: string; command: readonly string[]; cwd: string; env: Record<string, string>; clock: Clock },
  options: CallOptions = {},
): Promise<ExecResult> {
  const { node, command, cwd, env, clock } = what;
  const [program, ...args] = command;
  if (program === undefined) throw new LabError(`exec on ${node}: the command is empty`, { details: { node } });
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  // A group of its own, which one signal reaches as a whole.
  const child = execa(program, args, {
    cwd,
    env,
    extendEnv: false,
    reject: false,
    buffer: false,
    stdin: 'ignore',
    detached: true,
  });
  const ended = new AbortController();
  const outcome = Promise.all([collect(child.stdout), collect(child.stderr), child]).finally(() => ended.abort());
  const limit = clock
    .sleep(timeoutMs, options.signal ? AbortSignal.any([options.signal, ended.signal]) : ended.signal)
    .then(() => 'timeout' as const)
    .catch(() => 'over' as const);
  const first = await Promise.race([outcome, limit]);
  if (first === 'timeout' || (first === 'over' && options.signal?.aborted)) {
    killGroup(child.pid);
    await outcome.catch(() => undefined);
    if (first === 'over') throw abortedError(options.signal);
    throw new LabError(`exec on ${node}: ${command.join(' ')} did not end within ${timeoutMs} ms`, {
      details: { node, command, timeoutMs },
    });
  }
  const [stdout, stderr, result] = await outcome;
  if (result.exitCode !== undefined) return { exitCode: result.exitCode, stdout, stderr };
  if (result.signal !== undefined) return { exitCode: 128 + constants.signals[result.signal], stdout, stderr };
  if (result.code === 'ENOENT') return { exitCode: NOT_FOUND, stdout, stderr: `${program}: not found` };
  throw new LabError(`exec on ${node}: ${command.join(' ')} failed: ${result.shortMessage ?? 'no exit code'}`, {
    details: { node, command, stderr },
    cause: result.cause,
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    if (sizeBytes >= OUTPUT_LIMIT_BYTES) continue;
    const part = chunk.subarray(0, OUTPUT_LIMIT_BYTES - sizeBytes);
    chunks.push(part);
    sizeBytes += part.length;
  }
  return Buffer.concat(chunks).toString('utf8');
}
