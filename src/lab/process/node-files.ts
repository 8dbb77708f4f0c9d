import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { isErrno, writeFileAtomic } from '../../core/files.ts';
import type { TopologyNode } from '../../topology/topology.ts';

/** Puts a node's folders, files and secrets in place. What is already right is left alone; a file that the last definition had and this one lacks is removed. */
export async function placeNodeFiles(stateDir: string, node: TopologyNode, last?: TopologyNode): Promise<void> {
  for (const path of [node.dataDir, ...pathsOf(node)]) {
    requireInside(stateDir, node, path);
  }
  await mkdir(node.dataDir, { recursive: true });
  await Promise.all([
    ...Object.entries(node.files).map(([path, content]) => placeFile(path, content)),
    ...Object.entries(node.secretFiles).map(([path, source]) => placeSecret(node, path, source)),
  ]);
  const stale = pathsOf(last).filter((path) => !pathsOf(node).includes(path) && isInside(stateDir, path));
  await Promise.all(stale.map((path) => rm(path, { force: true })));
}

/** Empties the node's data folder. */
export async function wipeData(stateDir: string, node: TopologyNode): Promise<void> {
  requireInside(stateDir, node, node.dataDir);
  const entries = await readdir(node.dataDir).catch(() => []);
  await Promise.all(entries.map((entry) => rm(join(node.dataDir, entry), { recursive: true, force: true })));
}

/** Secrets and configuration that lie in the node's data folder, as paths relative to it. They are no data. */
export function ownFiles(node: TopologyNode): Set<string> {
  return new Set(
    pathsOf(node)
      .filter((path) => isInside(node.dataDir, path))
      .map((path) => relative(node.dataDir, path)),
  );
}

function pathsOf(node: TopologyNode | undefined): string[] {
  return node ? [...Object.keys(node.files), ...Object.keys(node.secretFiles)] : [];
}

async function placeFile(path: string, content: string): Promise<void> {
  if ((await readIfThere(path))?.toString('utf8') === content) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

async function placeSecret(node: TopologyNode, path: string, source: string): Promise<void> {
  if (resolve(path) === resolve(source)) return;
  const secret = await readIfThere(source);
  if (!secret) {
    throw new LabError(`the secret file ${source} of ${node.name} does not exist`, { details: { node: node.name } });
  }
  const present = await readIfThere(path);
  if (present?.equals(secret) && ((await stat(path)).mode & 0o777) === 0o600) return;
  await writeFileAtomic(path, secret, { mode: 0o600 });
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The lab writes and deletes only below the testnet's own folder. */
export function requireInside(stateDir: string, node: TopologyNode, path: string): void {
  if (isInside(stateDir, path)) return;
  throw new LabError(`${path} of ${node.name} lies outside the testnet's folder ${stateDir}`, {
    details: { node: node.name, path },
  });
}

function isInside(stateDir: string, path: string): boolean {
  return resolve(path).startsWith(resolve(stateDir) + sep);
}
