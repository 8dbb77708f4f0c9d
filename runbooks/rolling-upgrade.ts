import { defineRunbook, UsageError, didYouMean, type RunbookNode } from '../src/index.ts';

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
    'on-failure': {
      description: 'when a gate fails: undo the whole run, undo the failed node, or leave everything',
      default: 'rollback',
      values: ['rollback', 'node', 'hold'],
    },
  },
  plan({ nodes, releases, parameters }) {
    const { version = '', nodes: chosen = 'all' } = parameters;
    if (!releases.includes(version)) throw new UsageError(`unknown release ${version}${didYouMean(version, releases)}`);
    const names = nodes.map((node) => node.name);
    const wanted = chosen === 'all' ? names : chosen.split(',').map((name) => name.trim());
    for (const name of wanted) {
      if (!names.includes(name)) throw new UsageError(`there is no node ${name}${didYouMean(name, names)}`);
    }
    return {
      changes: nodes
        .filter((node) => wanted.includes(node.name) && (node.version !== version || node.state !== 'running'))
        .sort(upgradeOrder)
        .map((node) => ({ node: node.name, version })),
      onFailure: parameters['on-failure'] as 'rollback' | 'node' | 'hold',
    };
  },
});
