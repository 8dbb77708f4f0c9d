import { spawn, type ChildProcess } from 'node:child_process';
import { onTestFinished } from 'vitest';

/** A process that carries the mark of an operation of the engine, and ends with the test at the latest. */
export function operationProcess(
  mark: Record<string, unknown>,
  options: { script?: string; argv0?: string } = {},
): ChildProcess {
  const env = { ...process.env, SEATRIAL_OPERATION: JSON.stringify(mark) };
  const { script = 'exec sleep 120', argv0 } = options;
  const child = spawn('sh', ['-c', script], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(argv0 !== undefined && { argv0 }),
  });
  onTestFinished(() => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It and its children are gone.
    }
  });
  return child;
}
