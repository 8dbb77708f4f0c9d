import { join } from 'node:path';
import { readJsonFile, writeFileAtomic } from '../core/files.ts';
import { claimedVersion } from '../topology/claimed.ts';
import type { ResolvedRelease } from '../topology/topology.ts';

/** Versions by digest of everything that was ever resolved for a testnet: what tells the release of a running node. */
export type KnownReleases = Record<string, string[]>;

function knownFile(stateDir: string): string {
  return join(stateDir, 'releases.json');
}

export async function readKnownReleases(stateDir: string): Promise<KnownReleases> {
  return (await readJsonFile<KnownReleases>(knownFile(stateDir))) ?? {};
}

/** Adds resolved releases; writes only when something is new. */
export async function rememberReleases(stateDir: string, releases: Iterable<ResolvedRelease>): Promise<void> {
  const known = await readKnownReleases(stateDir);
  let isNew = false;
  for (const { version, digest, imageId } of releases) {
    for (const key of new Set([digest, imageId ?? digest])) {
      const versions = (known[key] ??= []);
      if (versions.includes(version)) continue;
      versions.push(version);
      isNew = true;
    }
  }
  if (isNew) await writeFileAtomic(knownFile(stateDir), `${JSON.stringify(known, null, 2)}\n`);
}

/** The version that a digest stands for; `expected` where several releases have the same digest. */
export function versionOfDigest(known: KnownReleases, digest: string, expected: string): string | undefined {
  const claimed = claimedVersion(digest);
  if (claimed !== undefined) return claimed;
  const versions = known[digest] ?? [];
  return versions.includes(expected) ? expected : versions.at(-1);
}
