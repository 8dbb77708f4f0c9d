import { mkdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File } from '../core/canonical.ts';
import { RefusedError } from '../core/errors.ts';
import { refusedBackup, type BackupManifest, type StoredObject } from './backup-manifest.ts';
import type { BackupTarget } from './backup-target.ts';
import { fetchTo } from './stored-objects.ts';

interface StageOptions {
  target: BackupTarget;
  base: string;
  manifest: BackupManifest;
  nodes: readonly string[];
  folderOf(node: string): string;
  stateDir: string;
}

/** Brings the data of nodes to this machine, each in a folder as a lab restores it from. What is there already, whole, is not fetched again. */
export async function stageBackup(options: StageOptions, signal?: AbortSignal): Promise<void> {
  const { target, base, manifest, nodes, folderOf, stateDir } = options;
  const wanted: { object: StoredObject; file: string }[] = [];
  for (const name of nodes) {
    const node = manifest.nodes.find((candidate) => candidate.node === name);
    if (!node) {
      const known = manifest.nodes.map((candidate) => candidate.node).join(', ');
      throw refusedBackup(manifest.id, `it has no node ${name}; it has: ${known}`);
    }
    const folder = folderOf(name);
    wanted.push({ object: node.archive, file: join(folder, 'data.tar.gz') });
    wanted.push({ object: node.listing, file: join(folder, 'manifest.json') });
  }
  const missing: typeof wanted = [];
  for (const one of wanted) if (!(await isThere(one.object, one.file))) missing.push(one);
  await requireRoom(
    missing.map(({ object }) => object),
    stateDir,
  );
  for (const { object, file } of missing) await fetchTo(target, base, object, file, signal);
}

async function isThere({ sizeBytes, sha256 }: StoredObject, file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found?.size === sizeBytes && (await sha256File(file)) === sha256;
}

async function requireRoom(objects: readonly StoredObject[], stateDir: string): Promise<void> {
  await mkdir(stateDir, { recursive: true });
  const wantedBytes = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { bavail, bsize } = await statfs(stateDir);
  if (bavail * bsize >= wantedBytes) return;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`;
  throw new RefusedError(
    'unsafe',
    `the backup takes ${mib(wantedBytes)}, and ${stateDir} has ${mib(bavail * bsize)} free`,
  );
}
