import { nodeReleases } from '../journal/node-releases.ts';
import type { NodeBefore } from '../journal/records.ts';
import type { NodeReport, NodeState } from './model.ts';
import type { RunLog } from './run-log.ts';
import { nodeNames } from './timeline.ts';

/** Each node before and after; of a run that did not finish, the last that its journal knows. */
export function nodeReports(log: RunLog): NodeReport[] {
  const releases = new Map(nodeReleases(log.records).map((release) => [release.node, release]));
  return nodeNames(log).map((node) => {
    const before = stateOf(log.started.before.find((each) => each.node === node));
    const release = releases.get(node);
    const after = log.finished
      ? stateOf(log.finished.after.find((each) => each.node === node))
      : release?.version === undefined
        ? undefined
        : lastKnown(before, release.version, release.digest ?? '');
    const unfinished = log.finished ? undefined : release?.unfinished;
    return {
      node,
      ...(before ? { before } : {}),
      ...(after ? { after } : {}),
      isChanged: before?.version !== after?.version || before?.digest !== after?.digest || unfinished !== undefined,
      ...(unfinished
        ? {
            inDoubt:
              unfinished.action === 'remove' ? 'it may be gone' : `it may run ${unfinished.toVersion}, or nothing`,
          }
        : {}),
    };
  });
}

function lastKnown(before: NodeState | undefined, version: string, digest: string): NodeState {
  const isSame = before?.version === version && before.digest === digest;
  return { version, digest, generation: isSame ? before.generation : '', state: 'unknown' };
}

function stateOf(node: NodeBefore | undefined): NodeState | undefined {
  if (!node) return undefined;
  const { version, digest, generation, state } = node;
  return { version, digest, generation, state };
}
