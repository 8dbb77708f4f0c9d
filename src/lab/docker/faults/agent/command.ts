import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const TIMEOUT_MS = 10_000;

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a program with its arguments, never through a shell; `input` becomes its standard input. */
export async function runCommand(file: string, args: readonly string[], input = ''): Promise<CommandResult> {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  // A program that ends without reading all of its input is judged by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { exitCode: code ?? 137, stdout, stderr };
}

/** The same; throws with what the program said when it fails. */
export async function mustRun(file: string, args: readonly string[], input = ''): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(file, args, input);
  if (exitCode === 0) return stdout;
  const said = `${stderr}${stdout}`.trim().split('\n')[0] ?? '';
  throw new Error(`${[file, ...args].join(' ')} ended with exit code ${exitCode}: ${said}`);
}
