import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isErrno, writeFileAtomic } from '../../core/files.ts';
import { ownersOfLocks, requireGone, type LockOwner } from './lock-owner.ts';
import type { PulumiDeployerOptions } from './options.ts';

/**
 * The engine overwrites a stack's state in place, so that a kill can leave a part of it. Puts the engine's own copy of the state
 * before back; what was made since is found by label. False when the state is not torn, or not in files of this machine.
 */
export async function mendTornState(
  options: PulumiDeployerOptions,
  project: string,
  cause: unknown,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const folder = backendFolder(options.toolchain.env);
  if (folder === undefined) return false;
  const { testnet } = options;
  // A file that is just being written looks torn as well.
  await requireGone(await lockOwners(options, project), options, cause, signal);
  const file = join(folder, '.pulumi', 'stacks', project, `${testnet}.json`);
  const current = await textOf(file);
  if (current === undefined || isJson(current)) return false;
  const before = await textOf(`${file}.bak`);
  if (before !== undefined && isJson(before)) await writeFileAtomic(file, before, { mode: 0o600 });
  else await rm(file);
  return true;
}

/** Who holds the stack, where its state is in files of this machine. */
export async function lockOwners({ testnet, toolchain }: PulumiDeployerOptions, project: string): Promise<LockOwner[]> {
  const folder = backendFolder(toolchain.env);
  return folder === undefined ? [] : ownersOfLocks(join(folder, '.pulumi', 'locks', 'organization', project, testnet));
}

function backendFolder(env: Record<string, string>): string | undefined {
  const url = env['PULUMI_BACKEND_URL'] ?? process.env['PULUMI_BACKEND_URL'] ?? '';
  try {
    return url.startsWith('file:///') ? fileURLToPath(url) : undefined;
  } catch {
    return undefined;
  }
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
