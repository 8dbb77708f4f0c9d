import type Docker from 'dockerode';
import { LabError } from '../../core/errors.ts';
import type { CallOptions } from '../lab.ts';
import { engineCall } from './engine-call.ts';
import { FrameDecoder } from './output-frames.ts';

const MAX_OUTPUT_BYTES = 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 30_000;

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command in a running container. The engine cannot end a command that it started, so the command runs under `timeout`
 * where the image has it; where not, a command that overran its time goes on, and the error says so.
 */
export async function execInContainer(
  node: string,
  container: Docker.Container,
  command: readonly string[],
  options: CallOptions,
): Promise<ExecResult> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const what = `run \`${command.join(' ')}\` on ${node}`;
  const limited = ['timeout', '-s', 'KILL', String(Math.ceil(timeoutMs / 1000)), ...command];
  return engineCall(what, { ...options, timeoutMs }, async (abortSignal) => {
    const result = await runOnce(container, limited, abortSignal);
    if (!lacksTimeout(result)) return result;
    return runOnce(container, command, abortSignal);
  });
}

async function runOnce(
  container: Docker.Container,
  command: readonly string[],
  abortSignal: AbortSignal,
): Promise<ExecResult> {
  const exec = await container.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true, abortSignal });
  const stream = await exec.start({ Detach: false, Tty: false, abortSignal });
  const output = { stdout: new CappedText(), stderr: new CappedText() };
  const decoder = new FrameDecoder();
  const onAbort = (): void => void stream.destroy();
  abortSignal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const chunk of stream) {
      for (const { stream: name, content } of decoder.push(chunk as Buffer)) output[name].add(content);
    }
  } finally {
    abortSignal.removeEventListener('abort', onAbort);
  }
  const { ExitCode: exitCode } = await exec.inspect({ abortSignal });
  if (exitCode === null) throw new LabError('the engine reported no exit code for the command');
  return { exitCode, stdout: output.stdout.text(), stderr: output.stderr.text() };
}

/** The engine reports a command that is not in the image through the output and exit code 126 or 127. */
function lacksTimeout({ exitCode, stdout, stderr }: ExecResult): boolean {
  return (exitCode === 126 || exitCode === 127) && /exec.*"timeout": executable file not found/s.test(stdout + stderr);
}

/** Keeps the first part of an output and drops what goes beyond the limit. */
class CappedText {
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;

  add(content: Buffer): void {
    const kept = content.subarray(0, MAX_OUTPUT_BYTES - this.#sizeBytes);
    this.#chunks.push(kept);
    this.#sizeBytes += kept.length;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
