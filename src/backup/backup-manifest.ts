import { hashOf } from '../core/canonical.ts';
import { RefusedError } from '../core/errors.ts';
import type { ResolvedRelease } from '../topology/topology.ts';

/** One object of a backup: its path below the backup's own, and what it must hold. */
export interface StoredObject {
  path: string;
  sizeBytes: number;
  /** In hex. */
  sha256: string;
}

/** The data of one node, as it was when the node was stopped for it. */
export interface BackedUpNode {
  node: string;
  votingPower: number;
  /** Release that wrote the data. */
  version: string;
  digest: string;
  /** A height that the data holds for certain. Absent where the node could not tell, or the system has none. */
  height?: number;
  /** What the node held at that height, by name; what a restore is proven by. */
  hashes: Record<string, string>;
  /** ISO 8601. */
  createdAt: string;
  /** `data.tar.gz` of the snapshot. */
  archive: StoredObject;
  /** `manifest.json` of the snapshot: owners, modes and hashes of the files. */
  listing: StoredObject;
}

/** What a testnet is built anew from, beside its nodes' data and the project's code. */
export interface RebuildSet {
  /** The testnet file. */
  spec: StoredObject;
  /** Ports, subnet, addresses and public keys. */
  allocation: StoredObject;
  /** Version by node, where it is not what the testnet file says. */
  desired: StoredObject;
  /** Everything that the nodes ran; `program` where it is one file. */
  releases: (Omit<ResolvedRelease, 'programPath' | 'imageId'> & { program?: StoredObject })[];
  /** Keys and passwords: a tar archive, encrypted with age. Absent where the testnet has none. */
  secrets?: StoredObject;
}

/** `backup.json`: written last, so that without it there is no backup. */
export interface BackupManifest {
  formatVersion: 1;
  id: string;
  testnet: string;
  system: string;
  lab: string;
  /** ISO 8601; when the first node was stopped for it. */
  createdAt: string;
  nodes: BackedUpNode[];
  /** Of the whole testnet only. */
  rebuild?: RebuildSet;
}

export const manifestName = 'backup.json';

/** The text of `backup.json`: the manifest, and a hash of it, so that a changed digit is noticed as well. */
export function manifestText(manifest: BackupManifest): string {
  return `${JSON.stringify({ ...manifest, sha256: hashOf(manifest) }, undefined, 1)}\n`;
}

/** A backup that is not what it should be; told before anything is touched. */
export function refusedBackup(id: string, why: string): RefusedError {
  return new RefusedError('unsafe', `backup ${id} is not used: ${why}`, { details: { backup: id } });
}

/** Whether just this backup was refused, and not something else in its way. */
export function isRefusedBackup(error: unknown, id: string): boolean {
  return error instanceof RefusedError && error.details['backup'] === id;
}

/** Refuses what is no manifest, is damaged, or is of a later format, and says which. */
export function parseManifest(text: string, id: string): BackupManifest {
  const refused = (why: string): RefusedError => refusedBackup(id, why);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused(`its ${manifestName} is damaged`);
  }
  if (typeof value !== 'object' || value === null) throw refused(`its ${manifestName} is damaged`);
  const { sha256, ...manifest } = value as { sha256?: unknown; formatVersion?: unknown };
  if (typeof manifest.formatVersion === 'number' && manifest.formatVersion > 1) {
    throw refused(`its format ${manifest.formatVersion} is of a later version; this one understands 1`);
  }
  if (sha256 !== hashOf(manifest) || !isManifest(manifest)) throw refused(`its ${manifestName} is damaged`);
  return manifest;
}

/** Everything that a backup consists of beside its manifest. `nodes`: only what these need. */
export function objectsOf({ nodes, rebuild }: BackupManifest, only?: readonly string[]): StoredObject[] {
  const chosen = only ? nodes.filter(({ node }) => only.includes(node)) : nodes;
  const ofNodes = chosen.flatMap(({ archive, listing }) => [archive, listing]);
  return only || !rebuild ? ofNodes : [...ofNodes, ...rebuildObjects(rebuild)];
}

export function rebuildObjects({ spec, allocation, desired, releases, secrets }: RebuildSet): StoredObject[] {
  const programs = releases.flatMap(({ program }) => program ?? []);
  return [spec, allocation, desired, ...programs, ...(secrets ? [secrets] : [])];
}

export function sizeOf(manifest: BackupManifest): number {
  return objectsOf(manifest).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The highest height that a node of it holds; undefined where none could tell. */
export function heightOf({ nodes }: BackupManifest): number | undefined {
  const heights = nodes.flatMap(({ height }) => height ?? []);
  return heights.length > 0 ? Math.max(...heights) : undefined;
}

function isManifest(value: unknown): value is BackupManifest {
  const { formatVersion, id, testnet, system, lab, createdAt, nodes, rebuild } = value as Partial<BackupManifest>;
  return (
    formatVersion === 1 &&
    [id, testnet, system, lab, createdAt].every((text) => typeof text === 'string') &&
    !Number.isNaN(Date.parse(createdAt ?? '')) &&
    Array.isArray(nodes) &&
    nodes.every(isNode) &&
    (rebuild === undefined || rebuildObjects(rebuild).every(isObject))
  );
}

function isNode(value: unknown): value is BackedUpNode {
  const { node, digest, version, createdAt, hashes, archive, listing } = (value ?? {}) as Partial<BackedUpNode>;
  const texts = [node, digest, version, createdAt];
  return (
    texts.every((text) => typeof text === 'string') && typeof hashes === 'object' && [archive, listing].every(isObject)
  );
}

/** Paths lead nowhere but into the backup. */
function isObject(value: unknown): value is StoredObject {
  const { path, sizeBytes, sha256 } = (value ?? {}) as Partial<StoredObject>;
  return (
    typeof path === 'string' &&
    /^[A-Za-z0-9][A-Za-z0-9._+-]*(\/[A-Za-z0-9][A-Za-z0-9._+-]*)*$/.test(path) &&
    Number.isSafeInteger(sizeBytes) &&
    /^[0-9a-f]{64}$/.test(sha256 ?? '')
  );
}
