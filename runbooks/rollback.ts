import { defineRunbook, UsageError, type PastChange } from '../src/index.ts';

export default defineRunbook({
  name: 'rollback',
  description: 'Put back, newest first, every node that an earlier run changed, each behind the health gate.',
  parameters: {
    run: { description: 'the run to undo', default: 'last' },
  },
  plan({ nodes, history, parameters }) {
    const { run = 'last' } = parameters;
    // A node counts while it is where the run left it; what was taken back or changed again since is not undone once more.
    const isAsLeft = ({ before, after }: PastChange): boolean =>
      nodes.some(
        ({ name, version }) => before[name] !== undefined && before[name] !== after[name] && after[name] === version,
      );
    const past = history.find((change) =>
      run === 'last'
        ? change.runbook !== 'rollback' && (change.outcome === 'unfinished' || isAsLeft(change))
        : change.runId === run,
    );
    if (!past) {
      throw new UsageError(
        run === 'last'
          ? 'no earlier run has left a node on another release: there is nothing to roll back'
          : `there is no run ${run} of this testnet`,
      );
    }
    return {
      changes: nodes
        .flatMap((node) => {
          const version = past.before[node.name];
          const isBack = version === undefined || (version === node.version && node.state === 'running');
          return isBack ? [] : [{ node: node.name, version }];
        })
        .reverse(),
      // A rollback is never rolled back.
      onFailure: 'hold',
      isRepair: true,
    };
  },
});
