import type { RunRecord } from './records.ts';

/** What a node runs, as far as the journal knows. */
export interface NodeRelease {
  node: string;
  /** Undefined when the node is absent. */
  version: string | undefined;
  digest: string | undefined;
  /** Set while an intent has no done: the node may run `version` still, or this one already, or nothing. */
  unfinished?: { action: 'create' | 'replace' | 'remove'; toVersion: string; toDigest: string };
}

/** Each node's last known release, in the order of the run's list of nodes. It is what the next command says about a run that was killed. */
export function nodeReleases(records: readonly RunRecord[]): NodeRelease[] {
  const releases = new Map<string, NodeRelease>();
  const set = (release: NodeRelease): unknown => releases.set(release.node, release);
  for (const record of records) {
    switch (record.type) {
      case 'run.started':
        for (const { node, version, digest, state } of record.before) {
          const isAbsent = state === 'absent';
          set({ node, version: isAbsent ? undefined : version, digest: isAbsent ? undefined : digest });
        }
        break;
      case 'intent': {
        const { node, action, toVersion, toDigest } = record;
        const known = releases.get(node);
        set({ node, version: known?.version, digest: known?.digest, unfinished: { action, toVersion, toDigest } });
        break;
      }
      case 'done': {
        const { node, version, digest } = record;
        set(record.action === 'remove' ? { node, version: undefined, digest: undefined } : { node, version, digest });
        break;
      }
      default:
    }
  }
  return [...releases.values()];
}
