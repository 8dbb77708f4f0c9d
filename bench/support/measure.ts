import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Timed {
  wallMs: number;
  /** User and system time of the command and of all that it waited for. */
  cpuMs: number;
  stdout: string;
}

/** Runs a command to its end under bash's `time`, which is exact to a millisecond. Throws when the command fails. */
export async function timed(
  command: readonly string[],
  { cwd, env, timeoutMs = 300_000 }: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<Timed> {
  const script = 'TIMEFORMAT="bench %R %U %S"; time "$@"';
  const child = spawn('bash', ['-c', script, 'bash', ...command], {
    ...(cwd !== undefined && { cwd }),
    env: env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [, real, user, system] = /bench (\S+) (\S+) (\S+)\n$/.exec(output.stderr) ?? [];
  if (code !== 0 || real === undefined) {
    throw new Error(`${command.join(' ')} ended with ${code}: ${output.stderr}${output.stdout}`);
  }
  return { wallMs: Number(real) * 1000, cpuMs: (Number(user) + Number(system)) * 1000, stdout: output.stdout };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new Error('there is no median of nothing');
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export interface Comparison {
  subject: number;
  peer: number;
  /** Median of the ratios of each pair, which cancels a load that lasts longer than a pair. */
  ratio: number;
  pairs: number;
}

/** Measures subject and peer by turns; who goes first changes with every pair. The first, which warms caches, is left out. */
export async function compare(
  pairs: number,
  subject: () => Promise<number>,
  peer: () => Promise<number>,
): Promise<Comparison> {
  const subjects: number[] = [];
  const peers: number[] = [];
  for (let pair = 0; pair <= pairs; pair++) {
    const isSubjectFirst = pair % 2 === 0;
    const first = await (isSubjectFirst ? subject : peer)();
    const second = await (isSubjectFirst ? peer : subject)();
    if (pair === 0) continue;
    subjects.push(isSubjectFirst ? first : second);
    peers.push(isSubjectFirst ? second : first);
  }
  return {
    subject: median(subjects),
    peer: median(peers),
    ratio: median(subjects.map((value, index) => value / (peers[index] ?? Number.NaN))),
    pairs,
  };
}

/** Runs a command to its end and returns the largest memory that its process (not its children) ever held, in MB. */
export async function peakMemoryMb(command: readonly string[], cwd: string): Promise<number> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let peakKb = 0;
  while (child.exitCode === null && child.signalCode === null) {
    peakKb = Math.max(peakKb, highWaterKb(child.pid ?? 0));
    await Promise.race([sleep(50), ended]);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${stderr}`);
  if (peakKb === 0) throw new Error(`${command.join(' ')} was never seen running`);
  return peakKb / 1024;
}

function highWaterKb(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
