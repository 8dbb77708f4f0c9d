import { execa } from 'execa';
import { abortedError } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { CallOptions } from '../lab.ts';

const OUTPUT_LIMIT_BYTES = 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 30_000;
/** What a shell reports for a program that cannot be found. */
const NOT_FOUND = 127;

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs one command to its end; output beyond 1 MiB a stream is dropped, the command goes on. */
export async function execBeside(
  what: { node: string; command: readonly string[]; cwd: string; env: Record<string, string> },
  options: CallOptions = {},
): Promise<ExecResult> {
  const { node, command, cwd, env } = what;
  const [program, ...args] = command;
  if (program === undefined) throw new LabError(`exec on ${node}: the command is empty`, { details: { node } });
  const { signal } = options;
  if (signal?.aborted) throw abortedError(signal);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const child = execa(program, args, {
    cwd,
    env,
    extendEnv: false,
    reject: false,
    buffer: false,
    stdin: 'ignore',
    timeout: timeoutMs,
    forceKillAfterDelay: 1000,
    ...(signal ? { cancelSignal: signal } : {}),
  });
  const [stdout, stderr, result] = await Promise.all([collect(child.stdout), collect(child.stderr), child]);
  if (result.isCanceled) throw abortedError(signal);
  if (result.timedOut) {
    throw new LabError(`exec on ${node}: ${command.join(' ')} did not end within ${timeoutMs} ms`, {
      details: { node, command, timeoutMs, stderr },
    });
  }
  if (result.exitCode !== undefined) return { exitCode: result.exitCode, stdout, stderr };
  if (result.code === 'ENOENT') return { exitCode: NOT_FOUND, stdout, stderr: `${program}: not found` };
  throw new LabError(`exec on ${node}: ${command.join(' ')} failed: ${result.shortMessage ?? 'no exit code'}`, {
    details: { node, command, stderr },
    cause: result.cause,
  });
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
