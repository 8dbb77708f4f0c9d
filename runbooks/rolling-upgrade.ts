import {
  countOf,
  defineRunbook,
  didYouMean,
  durationOf,
  UsageError,
  type RunbookNode,
  type RunbookStage,
} from '../src/index.ts';

/** Broken nodes first (changing them costs nothing), then in the system's start order. */
function upgradeOrder(a: RunbookNode, b: RunbookNode): number {
  return Number(a.state === 'running') - Number(b.state === 'running') || a.startOrder - b.startOrder;
}

export default defineRunbook({
  name: 'rolling-upgrade',
  description: 'Bring nodes to a release one after the other, each behind the health gate.',
  parameters: {
    version: { description: 'the release to upgrade to, as named in the testnet file' },
    nodes: { description: 'nodes to upgrade, separated by commas', default: 'all' },
    batch: { description: 'nodes that are changed before each gate', default: '1' },
    approve: {
      description: 'ask before the first node, or after it, before the rest',
      default: 'no',
      values: ['no', 'before', 'rest'],
    },
    'approve-within': {
      description: 'time to approve; without an answer the run takes back what it did',
      default: '24h',
    },
    snapshot: {
      description: 'copy the data of each node between its stop and its change',
      default: 'no',
      values: ['no', 'yes'],
    },
    restore: {
      description: 'a node that goes back gets the data of its snapshot back; a validator may then sign a height twice',
      default: 'no',
      values: ['no', 'yes'],
    },
    soak: { description: 'time that all changed nodes are watched at the end', default: '0s' },
    'at-height': { description: 'begin when the chain has this height', default: 'now' },
    finalise: {
      description: 'end with a point of no return: this upgrade cannot be rolled back afterwards',
      default: 'no',
      values: ['no', 'yes'],
    },
    deadline: { description: 'the longest time that the whole run may take', default: 'none' },
    'on-failure': {
      description: 'when a gate fails: undo the whole run, undo the failed node, or leave everything',
      default: 'rollback',
      values: ['rollback', 'node', 'hold'],
    },
  },
  plan({ nodes, releases, parameters }) {
    const { version = '', nodes: chosen = 'all', batch = '1', approve, soak = '0s', deadline = 'none' } = parameters;
    if (!releases.includes(version)) throw new UsageError(`unknown release ${version}${didYouMean(version, releases)}`);
    const names = nodes.map((node) => node.name);
    const wanted = chosen === 'all' ? names : chosen.split(',').map((name) => name.trim());
    for (const name of wanted) {
      if (!names.includes(name)) throw new UsageError(`there is no node ${name}${didYouMean(name, names)}`);
    }
    const changes = nodes
      .filter((node) => wanted.includes(node.name) && (node.version !== version || node.state !== 'running'))
      .sort(upgradeOrder)
      .map((node) => ({ node: node.name, version }));
    const changed = changes.map(({ node }) => node);
    const atOnce = countOf(batch, 'batch');
    const height = parameters['at-height'] ?? 'now';
    const timeoutMs = durationOf(parameters['approve-within'] ?? '', 'approve-within');
    const soakMs = durationOf(soak, 'soak', 0);
    const copies = parameters['snapshot'] === 'yes' ? { snapshot: true } : {};
    const restore = parameters['restore'] === 'yes';
    if (restore && parameters['snapshot'] !== 'yes') {
      throw new UsageError('restore=yes needs snapshot=yes: there would be no data to put back');
    }
    const asksForRest = approve === 'rest' && changes.length > atOnce;
    const first = asksForRest ? changes.slice(0, atOnce) : changes;
    const rest = asksForRest ? changes.slice(atOnce) : [];
    const stages: RunbookStage[] = [
      ...(height === 'now'
        ? []
        : [
            {
              kind: 'await-height' as const,
              id: 'height',
              height: countOf(height, 'at-height'),
              timeoutMs: 86_400_000,
            },
          ]),
      ...(approve === 'before'
        ? [
            {
              kind: 'approval' as const,
              id: 'approval',
              question: `upgrade ${changed.join(', ')} to ${version}?`,
              timeoutMs,
            },
          ]
        : []),
      { kind: 'change', id: 'rolling-upgrade', changes: first, atOnce, ...copies },
      ...(asksForRest
        ? [
            {
              kind: 'approval' as const,
              id: 'approval',
              question: `${first.map(({ node }) => node).join(', ')} runs ${version}; go on with ${rest.map(({ node }) => node).join(', ')}?`,
              timeoutMs,
            },
            { kind: 'change' as const, id: 'rolling-upgrade-rest', changes: rest, atOnce, ...copies },
          ]
        : []),
      ...(soakMs > 0 && changed.length > 0
        ? [{ kind: 'soak' as const, id: 'soak', nodes: changed, forMs: soakMs }]
        : []),
      ...(parameters['finalise'] === 'yes' ? [{ kind: 'finalise' as const, id: 'finalise' }] : []),
    ];
    return {
      stages,
      onFailure: parameters['on-failure'] as 'rollback' | 'node' | 'hold',
      ...(restore && { restore }),
      ...(deadline !== 'none' && { deadlineMs: durationOf(deadline, 'deadline') }),
    };
  },
});
