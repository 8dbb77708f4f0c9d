import { Readable } from 'node:stream';
import { execa } from 'execa';
import { abortedError } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';
import type { BackupTarget } from './backup-target.ts';
import { MissingObjectError } from './stored-objects.ts';

export interface CommandSettings {
  /** Program and arguments; what is to be done and a path are added. */
  command: readonly string[];
  /** Names of the environment variables that it is given, beside PATH and HOME. */
  env?: readonly string[] | undefined;
}

/** Exit code of a program that says: there is no such object. */
const missingExitCode = 44;
const quickTimeoutMs = 60_000;
/** As long as the copy of a container's volume may take. */
const copyTimeoutMs = 3_600_000;
const killAfterMs = 5_000;
/** Characters of what a program complains that stand in an error. */
const complaintLength = 500;

/**
 * Backups that a program keeps: `<command> put <path>` gets the bytes on its standard input, `get <path>` gives them on its standard
 * output, `list <prefix>` gives a path a line, `remove <path>` removes. Exit code 0 means done, 44 of `get` that there is none. A program that
 * takes too long is ended with all that it has started: `list` and `remove` have a minute, `put` and `get` `limits.copyMs`, by default an hour.
 */
export function commandTarget(
  { command, env: names = [] }: CommandSettings,
  from: NodeJS.ProcessEnv,
  limits: { copyMs?: number } = {},
): BackupTarget {
  const { copyMs = copyTimeoutMs } = limits;
  const [program = '', ...given] = command;
  const name = `command ${program}`;
  const env = Object.fromEntries(['PATH', 'HOME', ...names].flatMap((one) => (from[one] ? [[one, from[one]]] : [])));
  const common = (timeout: number, signal: AbortSignal | undefined) =>
    ({
      timeout,
      env,
      extendEnv: false,
      reject: false,
      encoding: 'buffer',
      forceKillAfterDelay: killAfterMs,
      // What a program has started holds its pipes open, and would be waited for.
      killDescendants: true,
      ...(signal && { cancelSignal: signal }),
    }) as const;

  const failed = (action: string, path: string, timeoutMs: number, end: CommandEnd): LabError => {
    const complaint = Buffer.from(end.stderr).toString('utf8').trim().slice(-complaintLength);
    const what = `${name} ${action} ${path}`;
    const text = end.timedOut
      ? `${what} had not ended after ${timeoutMs / 1000} s, and was ended${complaint && `: ${complaint}`}`
      : `${what} failed: ${complaint || (end.shortMessage ?? 'without a word')}`;
    return new LabError(text, { details: { target: name, action, path } });
  };
  const run = async (action: string, path: string, signal?: AbortSignal, input?: Readable): Promise<string> => {
    const timeoutMs = input ? copyMs : quickTimeoutMs;
    const how = input ? { input } : ({ stdin: 'ignore' } as const);
    const result = await execa(program, [...given, action, path], { ...common(timeoutMs, signal), ...how });
    if (signal?.aborted) throw abortedError(signal);
    const end = result as unknown as CommandEnd;
    if (end.failed) throw failed(action, path, timeoutMs, end);
    return Buffer.from(end.stdout).toString('utf8');
  };
  const target: BackupTarget = {
    name,
    put: async (path, source, signal) => {
      try {
        await run('put', path, signal, Readable.from(source.open()));
      } catch (error) {
        await target.remove(path).catch(() => undefined);
        throw error;
      }
    },
    async *get(path, signal) {
      const child = execa(program, [...given, 'get', path], {
        ...common(copyMs, signal),
        stdin: 'ignore',
        buffer: { stdout: false, stderr: true },
      });
      let isRead = false;
      try {
        for await (const chunk of child.stdout) yield chunk as Uint8Array;
        isRead = true;
      } finally {
        // Whoever reads no more does not wait for what it would still say.
        if (!isRead) child.kill();
      }
      const end = (await child) as unknown as CommandEnd;
      if (signal?.aborted) throw abortedError(signal);
      if (end.exitCode === missingExitCode) throw new MissingObjectError(name, path);
      if (end.failed) throw failed('get', path, copyMs, end);
    },
    list: async (prefix, signal) => (await run('list', prefix, signal)).split('\n').filter((line) => line !== ''),
    remove: async (path, signal) => {
      await run('remove', path, signal);
    },
  };
  return target;
}

/** What execa tells of a program's end, as far as it is used; its own type depends on every option. */
interface CommandEnd {
  failed: boolean;
  timedOut: boolean;
  exitCode?: number;
  shortMessage?: string;
  stdout: Uint8Array;
  stderr: Uint8Array;
}
