import { LabError } from '../core/errors.ts';
import { manifestName, manifestText, objectsOf, type BackupManifest, type StoredObject } from './backup-manifest.ts';
import type { BackupTarget } from './backup-target.ts';
import { bytesSource, problemOf } from './stored-objects.ts';

/** Ways in which a backup can be no backup. Each must be refused before anything is touched. */
export const spoilings = [
  'flipped-bit',
  'truncated',
  'missing',
  'unfinished',
  'edited',
  'foreign',
  'outdated',
] as const;
export type Spoiling = (typeof spoilings)[number];

export interface SpoilOptions {
  manifest: BackupManifest;
  /** Where the backup is; it is only read. */
  from: BackupTarget;
  /** Where the copy goes. */
  to: BackupTarget;
  /** What is done to the copy. Default: nothing. */
  how?: Spoiling | undefined;
  /** Whose data is spoiled. Default: the first node's. */
  node?: string;
}

/** Puts a copy of a backup, spoiled in one way or as it is, into another target. The backup itself is never written to. */
export async function copyBackup({ manifest, from, to, how, node }: SpoilOptions, signal?: AbortSignal): Promise<void> {
  if (from.name === to.name) throw new LabError(`a backup is only copied elsewhere, and ${to.name} is where it lies`);
  const base = `${manifest.testnet}/${manifest.id}`;
  const victim = (manifest.nodes.find((one) => one.node === node) ?? manifest.nodes[0])?.archive.path;
  for (const object of objectsOf(manifest)) {
    const isVictim = object.path === victim;
    if (isVictim && how === 'missing') continue;
    const open = (): AsyncIterable<Uint8Array> => {
      const bytes = from.get(`${base}/${object.path}`, signal);
      return isVictim ? spoiled(bytes, object, how) : bytes;
    };
    await to.put(`${base}/${object.path}`, { ...object, open }, signal);
  }
  const text = manifestOf(manifest, how);
  if (text !== undefined) await to.put(`${base}/${manifestName}`, bytesSource(Buffer.from(text)), signal);
}

/** What is wrong with a copy when it is compared with the backup, a sentence for each object; empty where it is the same. */
export async function differencesOf(
  copy: BackupTarget,
  manifest: BackupManifest,
  signal?: AbortSignal,
): Promise<string[]> {
  const { sizeBytes, sha256 } = bytesSource(Buffer.from(manifestText(manifest)));
  const found: string[] = [];
  for (const object of [...objectsOf(manifest), { path: manifestName, sizeBytes, sha256 }]) {
    const problem = await problemOf(copy, `${manifest.testnet}/${manifest.id}`, object, signal);
    if (problem !== undefined) found.push(problem);
  }
  return found;
}

/** What stands in `backup.json`; undefined: there is none. */
function manifestOf(manifest: BackupManifest, how: Spoiling | undefined): string | undefined {
  switch (how) {
    case 'unfinished':
      return undefined;
    case 'edited':
      return manifestText(manifest).replace(`"system": "${manifest.system}"`, `"system": "${manifest.system}-else"`);
    case 'foreign':
      return manifestText({ ...manifest, testnet: `${manifest.testnet}-else` });
    case 'outdated':
      return manifestText({ ...manifest, createdAt: new Date(0).toISOString() });
    default:
      return manifestText(manifest);
  }
}

/** The middle byte with another lowest bit, or the first half. */
async function* spoiled(
  source: AsyncIterable<Uint8Array>,
  { sizeBytes }: StoredObject,
  how: Spoiling | undefined,
): AsyncGenerator<Uint8Array> {
  const middle = Math.floor(sizeBytes / 2);
  let seenBytes = 0;
  for await (const chunk of source) {
    const at = middle - seenBytes;
    seenBytes += chunk.length;
    if (at < 0 || at >= chunk.length || (how !== 'flipped-bit' && how !== 'truncated')) {
      yield chunk;
      continue;
    }
    if (how === 'truncated') {
      yield chunk.subarray(0, at);
      return;
    }
    const changed = Uint8Array.from(chunk);
    changed[at] = (changed[at] ?? 0) ^ 1;
    yield changed;
  }
}
