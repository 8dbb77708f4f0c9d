import {
  defineRunbook,
  didYouMean,
  UsageError,
  type PastChange,
  type RunbookContext,
  type RunbookStage,
} from '../src/index.ts';

/** What a node is to go back to. */
type Target = { node: string; version: string; flags?: Record<string, string | number | boolean> };

export default defineRunbook({
  name: 'rollback',
  description: 'Put back, newest first, every node that an earlier run changed, each behind the health gate.',
  parameters: {
    run: { description: 'the run to undo', default: 'last' },
    to: { description: 'instead: a release that the nodes ran before, however many runs ago', default: 'before' },
    all: {
      description:
        'stop every node, put all back, and gate once at the end: the system halts, for releases that cannot talk to each other',
      default: 'no',
      values: ['no', 'yes'],
    },
  },
  plan(context) {
    const { to = 'before', all } = context.parameters;
    const changes = (to === 'before' ? targetsOfRun(context) : targetsOfRelease(context, to)).reverse();
    const stages: RunbookStage[] = [
      ...(all === 'yes'
        ? changes.map(({ node }) => ({ kind: 'stop' as const, id: `stop/${node}`, node, mayHalt: true }))
        : []),
      {
        kind: 'change',
        id: 'rollback',
        changes,
        ...(all === 'yes' && changes.length > 0 && { atOnce: changes.length, mayHalt: true }),
      },
    ];
    // A rollback is never rolled back.
    return { stages, onFailure: 'hold', isRepair: true, isForward: false };
  },
});

/** Every node of the chosen run to where it was before. */
function targetsOfRun({ nodes, history, toggles, parameters }: RunbookContext): Target[] {
  const { run = 'last' } = parameters;
  // A node counts while it is where the run left it; what was taken back or changed again since is not undone once more.
  const isAsLeft = ({ before, after, flagsSet }: PastChange): boolean =>
    nodes.some(
      ({ name, version, flags }) =>
        before[name] !== undefined &&
        after[name] === version &&
        (before[name] !== version ||
          Object.entries(flagsSet[name] ?? {}).some(([flag, value]) => flags[flag] === value)),
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
        : `there is no run ${run} of this testnet${didYouMean(
            run,
            history.map(({ runId }) => runId),
          )}`,
    );
  }
  requireNotFinal([past]);
  const offOf = (flag: string): string | number | boolean =>
    Object.values(toggles).find(({ name }) => name === flag)?.off ?? false;
  return nodes.flatMap((node) => {
    const version = past.before[node.name];
    if (version === undefined) return [];
    const flags = Object.fromEntries(
      Object.keys(past.flagsSet[node.name] ?? {})
        .map((flag) => [flag, past.flagsBefore[node.name]?.[flag] ?? offOf(flag)] as const)
        .filter(([flag, value]) => node.flags[flag] !== value),
    );
    const hasFlags = Object.keys(flags).length > 0;
    if (version === node.version && node.state === 'running' && !hasFlags) return [];
    return [{ node: node.name, version, ...(hasFlags && { flags }) }];
  });
}

/** Every node that ran this release before back to it. */
function targetsOfRelease({ nodes, history, releases }: RunbookContext, version: string): Target[] {
  if (!releases.includes(version)) throw new UsageError(`unknown release ${version}${didYouMean(version, releases)}`);
  const behind: PastChange[] = [];
  const targets = nodes.flatMap((node): Target[] => {
    if (node.version === version && node.state === 'running') return [];
    const at = history.findIndex(({ before }) => before[node.name] === version);
    if (at < 0) return [];
    behind.push(...history.slice(0, at + 1).filter(({ after }) => after[node.name] !== undefined));
    return [{ node: node.name, version }];
  });
  if (targets.length === 0) throw new UsageError(`no node ran ${version} before and runs something else now`);
  requireNotFinal(behind);
  return targets;
}

function requireNotFinal(runs: readonly PastChange[]): void {
  const final = runs.find(({ isFinal }) => isFinal);
  if (final) throw new UsageError(`run ${final.runId} passed its point of no return: it cannot be rolled back`);
}
