import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { writeFileAtomic, isErrno } from '../core/files.ts';
import type { SystemProfile } from '../spec/profile.ts';
import type { Allocation } from './allocation.ts';

const secretMode = 0o600;

export function secretsFolder(stateDir: string, owner: string): string {
  return join(stateDir, 'secrets', owner);
}

/**
 * Makes the identity of each node that has none: private files 0600 under secrets/<node>, the public half into the allocation.
 * A node that has an identity keeps it.
 */
export async function ensureIdentities(
  stateDir: string,
  nodes: readonly string[],
  profile: SystemProfile,
  allocation: Allocation,
): Promise<Allocation> {
  if (!profile.identity) return allocation;
  const publicKeys = { ...allocation.publicKeys };
  for (const node of nodes) {
    if (publicKeys[node] !== undefined) continue;
    const identity = profile.identity(node);
    const folder = secretsFolder(stateDir, node);
    await ensurePrivateFolder(folder);
    for (const [name, content] of Object.entries(identity.files)) {
      await writeFileAtomic(join(folder, name), content, { mode: secretMode });
    }
    publicKeys[node] = identity.publicKey;
  }
  return { ...allocation, publicKeys };
}

/** Whether the group identity is there and is of exactly these nodes, or is not wanted. */
export function hasGroupIdentity(members: readonly string[], profile: SystemProfile, { group }: Allocation): boolean {
  const isWanted = profile.groupIdentity !== undefined && members.length > 0;
  return !isWanted || [...members].sort().join('\n') === group?.members.join('\n');
}

/**
 * Makes the identity that nodes with voting power have together, anew when they are others than it was made for: private files 0600 under
 * secrets/<node>, the public half into the allocation. The allocation is stored last, by the caller: before that the old public half
 * stands, its members are still others, and all of it is made again.
 */
export async function ensureGroupIdentity(
  stateDir: string,
  members: readonly string[],
  profile: SystemProfile,
  allocation: Allocation,
): Promise<Allocation> {
  if (!profile.groupIdentity || hasGroupIdentity(members, profile, allocation)) return allocation;
  const sorted = [...members].sort();
  const identity = profile.groupIdentity(sorted);
  for (const node of sorted) {
    const folder = secretsFolder(stateDir, node);
    await ensurePrivateFolder(folder);
    for (const [name, content] of Object.entries(identity.files[node] ?? {})) {
      await writeFileAtomic(join(folder, name), content, { mode: secretMode });
    }
  }
  return { ...allocation, group: { publicKey: identity.publicKey, members: sorted } };
}

/** Names of the secret files of a node. */
export async function secretFileNames(stateDir: string, node: string): Promise<string[]> {
  try {
    return (await readdir(secretsFolder(stateDir, node))).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** A random password in a 0600 file, made on first use; returns the file's path. */
export async function ensurePassword(stateDir: string, owner: string): Promise<string> {
  const folder = secretsFolder(stateDir, owner);
  const file = join(folder, 'password');
  try {
    await stat(file);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    await ensurePrivateFolder(folder);
    await writeFileAtomic(file, randomBytes(18).toString('base64url'), { mode: secretMode });
  }
  return file;
}

async function ensurePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}
