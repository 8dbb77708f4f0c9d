import type { StoredObject } from './backup-manifest.ts';

/** What is put into a target: it can be read as often as the target needs, and says beforehand what it will be. */
export interface ObjectSource extends Pick<StoredObject, 'sizeBytes' | 'sha256'> {
  open(): AsyncIterable<Uint8Array>;
}

/**
 * A place that backups are kept in. Paths are relative to the target, with `/`. Failures are LabErrors that name the target and the
 * path; they never hold credentials. An object is there as a whole or not at all.
 */
export interface BackupTarget {
  /** As people are told of it: `folder /backups`, `s3://bucket/prefix at host`. */
  readonly name: string;
  /** Replaces an object that is there. What was begun is removed when it fails. */
  put(path: string, source: ObjectSource, signal?: AbortSignal): Promise<void>;
  /** Rejects with a MissingObjectError when there is none. */
  get(path: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Paths of all objects below a prefix that ends with `/`, in any order; what was left half written is among them. */
  list(prefix: string, signal?: AbortSignal): Promise<string[]>;
  /** Succeeds when there is none. */
  remove(path: string, signal?: AbortSignal): Promise<void>;
}
