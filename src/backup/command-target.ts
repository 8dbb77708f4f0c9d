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
const killAfterMs = 5_000;
/** Characters of what a program complains that stand in an error. */
const complaintLength = 500;

/**
 * Backups that a program keeps: `<command> put <path>` gets the bytes on its standard input, `get <path>` gives them on its standard
 * output, `list <prefix>` gives a path a line, `remove <path>` removes. Exit code 0 means done, 44 of `get` that there is none.
 */
export function commandTarget({ command, env: names = [] }: CommandSettings, from: NodeJS.ProcessEnv): BackupTarget {
  const [program = '', ...given] = command;
  const name = `command ${program}`;
  const env = Object.fromEntries(['PATH', 'HOME', ...names].flatMap((one) => (from[one] ? [[one, from[one]]] : [])));
  const common = (signal: AbortSignal | undefined) =>
    ({
      env,
      extendEnv: false,
      reject: false,
      encoding: 'buffer',
      forceKillAfterDelay: killAfterMs,
      ...(signal && { cancelSignal: signal }),
    }) as const;

  const quick = { stdin: 'ignore', timeout: quickTimeoutMs } as const;

  const failed = (action: string, path: string, stderr: Uint8Array, message: string | undefined): LabError => {
    const complaint = Buffer.from(stderr).toString('utf8').trim().slice(-complaintLength);
    const text = `${name} ${action} ${path} failed: ${complaint || (message ?? 'without a word')}`;
    return new LabError(text, { details: { target: name, action, path } });
  };
  const run = async (action: string, path: string, signal?: AbortSignal, input?: Readable): Promise<string> => {
    const how = input ? { input } : quick;
    const result = await execa(program, [...given, action, path], { ...common(signal), ...how });
    if (signal?.aborted) throw abortedError(signal);
    const { failed: hasFailed, stdout, stderr, shortMessage } = result as unknown as CommandEnd;
    if (hasFailed) throw failed(action, path, stderr, shortMessage);
    return Buffer.from(stdout).toString('utf8');
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
        ...common(signal),
        stdin: 'ignore',
        buffer: { stdout: false, stderr: true },
      });
      for await (const chunk of child.iterable({ binary: true })) yield chunk;
      const { exitCode, failed: hasFailed, stderr, shortMessage } = (await child) as unknown as CommandEnd;
      if (signal?.aborted) throw abortedError(signal);
      if (exitCode === missingExitCode) throw new MissingObjectError(name, path);
      if (hasFailed) throw failed('get', path, stderr, shortMessage);
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
  exitCode?: number;
  shortMessage?: string;
  stdout: Uint8Array;
  stderr: Uint8Array;
}
