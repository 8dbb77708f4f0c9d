import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { LabError } from '../../../core/errors.ts';

const TOOL_TIMEOUT_MS = 10_000;

/** Runs a small system program to its end; throws a LabError with what it said when it fails. */
export async function runTool(program: string, args: readonly string[]): Promise<string> {
  const { execa } = await import('execa');
  const result = await execa(program, args, { reject: false, stdin: 'ignore', timeout: TOOL_TIMEOUT_MS });
  if (result.exitCode === 0) return result.stdout;
  const why = result.stderr === '' ? (result.shortMessage ?? 'no exit code') : result.stderr;
  throw new LabError(`${program} ${args.join(' ')} failed: ${why}`, { details: { program, args } });
}

/** Whether a program is in the path. */
export async function hasTool(program: string): Promise<boolean> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const tries = folders.map((folder) => access(join(folder, program), constants.X_OK));
  return (await Promise.allSettled(tries)).some(({ status }) => status === 'fulfilled');
}
