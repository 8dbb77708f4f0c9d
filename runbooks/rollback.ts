import { defineRunbook, UsageError, type PastChange } from '../src/index.ts';

export default defineRunbook({
  name: 'rollback',
  description: 'Put back, newest first, every node that an earlier run changed, each behind the health gate.',
  parameters: {
    run: { description: 'the run to undo', default: 'last' },
  },
  plan({ nodes, history, parameters }) {
    const differs = (before: Record<string, string>): boolean =>
      nodes.some((node) => before[node.name] !== undefined && before[node.name] !== node.version);
    const { run = 'last' } = parameters;
    // What was taken back already, by its own run or by a rollback, is not to be undone again.
    const isUndoable = ({ runbook, outcome, before }: PastChange): boolean =>
      runbook !== 'rollback' && outcome !== 'rolled-back' && differs(before);
    const past = history.find((change) => (run === 'last' ? isUndoable(change) : change.runId === run));
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
