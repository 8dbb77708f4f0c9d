import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isErrno, writeFileAtomic } from '../../core/files.ts';
import { ownersOfLocks, requireGone, type LockOwner } from './lock-owner.ts';
import type { PulumiDeployerOptions } from './options.ts';

/**
 * Mends what makes the engine refuse a stack's state. It replaces the state as a whole but does not sync it, so that a power cut can
 * leave a part; the `.attrs` file beside it, with the digest, it overwrites in place, so that a kill is enough. A torn state is put back from
 * the engine's own copy of the one before: what was made since is found by label. Torn attributes are dropped, the engine does without.
 * False when nothing is torn, or not in files of this machine. Source: `setAttrs` and `Close` in gocloud.dev/blob/fileblob 0.46.
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
  const isStateTorn = await isTorn(file);
  const attributes = `${file}.attrs`;
  const isAnyTorn = isStateTorn || (await isTorn(attributes));
  if (isAnyTorn) await rm(attributes, { force: true });
  if (isStateTorn) {
    const before = await textOf(`${file}.bak`);
    if (before !== undefined && isJson(before)) await writeFileAtomic(file, before, { mode: 0o600 });
    else await rm(file);
  }
  return isAnyTorn;
}

async function isTorn(file: string): Promise<boolean> {
  const text = await textOf(file);
  return text !== undefined && !isJson(text);
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
