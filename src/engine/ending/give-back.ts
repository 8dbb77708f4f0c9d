import type { Clock } from '../../core/clock.ts';
import { AbortedError, messageOf } from '../../core/errors.ts';
import { quorumThreshold } from '../../gates/quorum-budget.ts';
import type { PlanStep } from '../../journal/records.ts';
import { giveBackWhole, hasBegun } from '../backups/restore-backup.ts';
import { ownBackup } from '../backups/take-backup.ts';
import type { Topology } from '../../topology/topology.ts';
import type { RunContext } from '../run-context.ts';

/** Time for a node to be replaced or given its data back, beside its gate, in ms. */
export const perNodeMs = 120_000;

/**
 * Starts what the run has stopped, and returns a sentence for everything that is left stopped. `except`: what starts these is about to come; they
 * are only given their data back where they must have it first. `hasFailed`: a restore that was begun did not work, and is not tried again. Never
 * rejects.
 */
export async function startStopped(
  context: RunContext,
  { except = [], hasFailed = false }: { except?: readonly string[]; hasFailed?: boolean } = {},
): Promise<string[]> {
  const { session, effects } = context;
  const { state } = session;
  const { signal } = new AbortController();
  const problems: string[] = [];
  const isHalfBack = (node: string): boolean => state.heldBack.has(node) || state.openEffects.has(`${node}/restore`);
  if (wipedForGood(context).length > 0 || [...state.wiped].some(isHalfBack)) {
    const problem = await giveDataBack(context, hasFailed);
    if (problem !== undefined) problems.push(problem);
  }
  const stopped = [...state.stopped].reverse();
  // What has lost its data starts after those that can tell it what the chain is.
  const own = stopped.filter((node) => !state.wiped.has(node));
  const empty = stopped.filter((node) => state.wiped.has(node));
  for (const node of [...own, ...empty]) {
    const restoring = state.openEffects.get(`${node}/restore`);
    if (restoring) {
      const folder = String(restoring.detail['folder']);
      problems.push(`${node} is left stopped, its data may be incomplete; its snapshot is in ${folder}`);
    } else if (!state.heldBack.has(node) && !wipedForGood(context).includes(node) && !except.includes(node)) {
      await effects.start('compensation', node, signal).catch((error: unknown) => {
        problems.push(`${node} is still stopped: ${messageOf(error)}`);
      });
    }
  }
  const held = stopped.filter((node) => state.heldBack.has(node) && !state.openEffects.has(`${node}/restore`));
  if (held.length > 0) {
    const [are, have] = held.length === 1 ? ['is', 'it has'] : ['are', 'they have'];
    problems.push(
      `${held.join(', ')} ${are} left stopped: ${have} the data of a backup, and must not start before the newest`,
    );
  }
  return problems;
}

/** Nodes that the run has wiped, and that must not start empty. */
export function wipedForGood({ session }: RunContext): string[] {
  return mustNotStartEmpty(session.deployed, session.state.wiped);
}

/**
 * Those of the wiped nodes that must not start empty: the nodes that have their data hold no quorum, and cannot tell them what the chain is. Together
 * they would begin another one.
 */
export function mustNotStartEmpty({ nodes, quorum }: Topology, wipedNames: ReadonlySet<string>): string[] {
  const wiped = nodes.filter(({ name }) => wipedNames.has(name));
  const kept = nodes.filter(({ name }) => !wipedNames.has(name));
  const powerOf = (some: typeof nodes): number => some.reduce((sum, { votingPower }) => sum + votingPower, 0);
  const needed = quorumThreshold(quorum, powerOf(nodes));
  return kept.length > 0 && powerOf(kept) >= needed ? [] : wiped.map(({ name }) => name);
}

/** Puts back the backup that the plan meant to put back; returns why the nodes are left stopped, and what brings them back. */
async function giveDataBack(context: RunContext, hasFailed: boolean): Promise<string | undefined> {
  const { inputs, session } = context;
  const step = restoreOf(context);
  const id = ownBackup(context) ?? 'newest';
  const { heldBack, openEffects } = session.state;
  const left = (why: string): string => {
    const names = wipedForGood(context).filter((node) => !heldBack.has(node) && !openEffects.has(`${node}/restore`));
    const what = `left stopped without data, and started empty would begin a chain of their own`;
    const who = names.length === 0 ? '' : `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} ${what}: `;
    return `${who}${why}. Put the data back with: seatrial restore ${inputs.topology.testnet} ${id}`;
  };
  if (!step) return left('the plan puts no backup back');
  if (hasFailed && hasBegun(context, step)) return left('its restore failed');
  const what = 'the data was not back';
  try {
    await withinBudget(context, step.nodes.length * perNodeMs, what, (signal) =>
      giveBackWhole({ ...context, signal }, step),
    );
    return undefined;
  } catch (error) {
    return left(messageOf(error));
  }
}

/** The step that puts back all that was wiped, unless it is done. */
function restoreOf(context: RunContext): PlanStep | undefined {
  const { inputs, session } = context;
  const { wiped } = session.state;
  return inputs.plan.steps.find(
    ({ id, kind, isWhole, rebuild, nodes }) =>
      kind === 'restore-backup' &&
      isWhole &&
      !rebuild &&
      !session.state.done.has(id) &&
      [...wiped].every((node) => nodes.includes(node)),
  );
}

/** What ends a run does not end the way back, which has a time of its own; who is in a hurry does. `what` names what was not over in time. */
export async function withinBudget<T>(
  { inputs: { clock, hurry } }: { inputs: { clock: Clock; hurry?: AbortSignal | undefined } },
  budgetMs: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const budget = new AbortController();
  const over = new AbortController();
  const late = new AbortedError(`${what} after ${budgetMs / 1000} s`);
  clock.sleep(budgetMs, over.signal).then(
    () => budget.abort(late),
    () => undefined,
  );
  try {
    return await work(hurry ? AbortSignal.any([budget.signal, hurry]) : budget.signal);
  } finally {
    over.abort();
  }
}
