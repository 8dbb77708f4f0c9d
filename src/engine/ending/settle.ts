import { messageOf, RefusedError } from '../../core/errors.ts';
import type { PlanStep } from '../../journal/records.ts';
import { dropSpoiled } from '../drill/spoiled-backup.ts';
import { AbortRequested } from '../run-control.ts';
import { recoverOpenIntents } from '../resuming/recover.ts';
import type { RunContext } from '../run-context.ts';
import { perNodeMs, startStopped, wipedForGood, withinBudget } from './give-back.ts';
import { blamedFor, endingOf, GateError, HeldError, type Ending } from './outcome.ts';
import { stepId } from '../planning/plan.ts';

/** What went wrong is answered as the plan says; what nobody can tell leaves the network as it is. */
export async function settleFailure(context: RunContext, error: unknown): Promise<Ending> {
  const { session, inputs } = context;
  const { control, state } = session;
  if (control.abort.signal.aborted) {
    const reason: unknown = control.abort.signal.reason;
    const by = reason instanceof AbortRequested ? reason.by : 'nobody';
    if (state.abortedBy === undefined) await session.record({ type: 'abort.requested', by });
    // A change that was cut short may have been done, or not even begun.
    const unclear = await recoverOpenIntents(context).catch((problem: unknown) => endingOf(problem));
    return unclear ?? abortRun(context);
  }
  const ending = isLate(context)
    ? { outcome: 'inconclusive' as const, reason: messageOf(context.signal.reason) }
    : endingOf(error);
  const blamed = isLate(context) ? undefined : blamedFor(error);
  const { onFailure } = inputs.plan;
  if (blamed === undefined || onFailure === 'hold' || state.changed.length === 0 || state.rollback) return ending;
  if (state.finalised !== undefined) {
    const reason = `${ending.reason}; nothing is rolled back: ${state.finalised} was the point of no return`;
    return { ...ending, reason };
  }
  const touched = state.changed.filter((node) => blamed.includes(node));
  // A lost quorum is nobody's alone; the newest change is the one to take back.
  const failed = onFailure === 'node' ? (touched.length > 0 ? touched : state.changed.slice(-1)) : state.changed;
  session.gates.forgetGuards();
  const nodes = [...failed].reverse().filter((node) => !session.gates.wasMended(node));
  if (nodes.length === 0) return ending;
  return rollBackTo(context, nodes, ending.reason ?? '', 'rolled-back');
}

/**
 * Harm that a changed node does after the last step is answered as before it. Data that is lacking is not: with the traffic over there
 * is less to be seen.
 */
export async function heedGuards(context: RunContext, ending: Ending): Promise<Ending> {
  const { gates } = context.session;
  if (ending.outcome !== 'passed' || gates.guardFailure?.kind !== 'FAIL') return ending;
  try {
    gates.throwIfGuardFailed();
    return ending;
  } catch (error) {
    return settleFailure(context, error);
  }
}

/** A run that was cut off on its way back goes on with it. */
export async function goOnBack(context: RunContext): Promise<Ending> {
  const { state } = context.session;
  if (!state.rollback) return abortRun(context);
  const outcome = state.abortedBy === undefined ? 'rolled-back' : 'aborted';
  return rollBackTo(context, state.rollback.nodes, state.rollback.reason, outcome);
}

/** Takes back what the run did, because its operator wants it so. */
async function abortRun(context: RunContext): Promise<Ending> {
  const { session } = context;
  const { state } = session;
  const reason = `${state.abortedBy} asked for it`;
  if (state.finalised !== undefined) {
    return {
      outcome: 'held',
      reason: `${reason}; nothing is rolled back: ${state.finalised} was the point of no return`,
    };
  }
  if (context.inputs.plan.runbook === 'rollback' && state.changed.length > 0) {
    return { outcome: 'held', reason: `${reason}; it stops here: a rollback is never rolled back` };
  }
  session.gates.forgetGuards();
  const nodes = [...state.changed].reverse().filter((node) => !session.gates.wasMended(node) && differs(context, node));
  if (nodes.length === 0) return { outcome: 'aborted', reason };
  return rollBackTo(context, nodes, reason, 'aborted');
}

async function rollBackTo(
  context: RunContext,
  nodes: readonly string[],
  reason: string,
  outcome: 'rolled-back' | 'aborted',
): Promise<Ending> {
  const { session, effects, inputs } = context;
  const { signal } = new AbortController();
  try {
    // What was switched may be what went wrong, and a node that goes back keeps it. What cannot be ended is told when the run ends.
    for (const held of [...session.state.switches.values()].reverse()) {
      await effects.clear(held, signal).catch(() => undefined);
    }
    // A gate may need the quorum that a stopped node is missing from; what cannot be started is told when the run ends.
    const problems = await startStopped(context, { except: nodes });
    // What replaces a node starts it, with data or without.
    if (wipedForGood(context).length > 0) throw new HeldError(problems.join('; '));
    await rollBack(context, await session.gates.brokenFirst(nodes), reason);
    return { outcome, reason };
  } catch (second) {
    if (inputs.hurry?.aborted) {
      return { outcome: 'interrupted', reason: `${reason}; the rollback was cut off, and goes on when the run does` };
    }
    const { reason: why } = endingOf(second);
    const isLost = second instanceof RefusedError && second.code === 'locked';
    const both = `${reason}; the rollback did not succeed: ${why}`;
    return { outcome: isLost ? 'refused' : 'rollback-failed', reason: both };
  }
}

/** Each node behind the same gate. The signal that ends a run does not end its rollback, which has a budget of its own; a second one does. */
async function rollBack(context: RunContext, nodes: string[], reason: string): Promise<void> {
  const { inputs, session, snapshots } = context;
  const { deployer, topologyFor, plan } = inputs;
  const { state } = session;
  if (!state.rollback) await session.record({ type: 'rollback.started', reason, nodes });
  const left = nodes.filter((node) => !state.done.has(stepId('rollback', node)));
  const back = await topologyFor(state.wantedBack(nodes));
  // To put data back takes as long as to copy it, and it is read once more before.
  const copyMs = plan.restore ? 3 * state.snapshotsTookMs : 0;
  const budgetMs = nodes.length * (session.gates.deadlineMs + perNodeMs) + copyMs;
  // Who agreed to a halt on the way there has agreed to it on the way back.
  const halting = plan.steps.filter(({ kind, mayHalt: may, nodes: [node = ''] }) => {
    return kind === 'replace' && may && left.includes(node);
  });
  const stage = {
    id: 'rollback',
    target: back,
    order: left,
    isRollback: true,
    mayHalt: halting.length > 0,
    batches: batchesOf(halting),
    data: plan.restore ? ('restore' as const) : undefined,
  };
  const roll = async (signal: AbortSignal): Promise<void> => {
    const hooks = session.hooks(stage, signal, snapshots);
    await deployer.roll({ topology: back, order: left, only: left }, hooks, signal);
    await hooks.gateRest();
  };
  await withinBudget(context, budgetMs, 'the rollback was not over', async (signal) => {
    try {
      await roll(signal);
    } catch (error) {
      // A Ctrl-C reaches the programs that the deployer started as well; it ends the run, never its rollback.
      if (!inputs.signal.aborted || signal.aborted || error instanceof GateError) throw error;
      await roll(signal);
    }
  });
}

/** Nodes that were changed together because they cannot work beside the others' version go back together. */
function batchesOf(halting: readonly PlanStep[]): Map<string, number> {
  const numbers = new Map<string, number>();
  const batches = new Map<string, number>();
  for (const { stage, batch, nodes } of halting) {
    if (batch === undefined) continue;
    const key = `${stage}/${batch}`;
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    for (const node of nodes) batches.set(node, numbers.get(key) ?? 0);
  }
  return batches;
}

/** Ends what the run holds on running nodes: features that are switched for a time, nodes that it stopped. */
export async function endEffects(context: RunContext, ending: Ending): Promise<Ending> {
  const { inputs, session, effects } = context;
  const { state } = session;
  const { signal } = new AbortController();
  const problems: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => void problems.push(`${what}: ${messageOf(error)}`));
  };
  for (const held of [...state.switches.values()].reverse()) {
    await attempt(`${held.toggle} on ${held.node} is still switched`, () => effects.clear(held, signal));
  }
  problems.push(...(await startStopped(context, { hasFailed: ending.outcome === 'failed' })));
  for (const name of state.leftStopped()) {
    const node = session.deployed.nodes.find((candidate) => candidate.name === name);
    await attempt(`${name} may still be stopped`, async () => {
      const found = node && (await inputs.lab.observe(node));
      if (found?.state === 'stopped') await effects.start('compensation', name, signal);
    });
  }
  // Of a process that was killed, when the run does not come to the step again.
  await attempt('spoiled copies of a backup are still there', () => dropSpoiled(context));
  if (problems.length === 0) return ending;
  const reason = [...(ending.reason === undefined ? [] : [ending.reason]), ...problems].join('; ');
  return { ...ending, outcome: ending.outcome === 'passed' ? 'error' : ending.outcome, reason };
}

function differs({ session }: RunContext, node: string): boolean {
  const { wanted, before } = session.state;
  const flagsOf = (flags: Record<string, unknown> | undefined): string => JSON.stringify(flags ?? {});
  return (
    wanted.versions[node] !== before.versions[node] || flagsOf(wanted.flags?.[node]) !== flagsOf(before.flags?.[node])
  );
}

function isLate({ signal, inputs, session }: RunContext): boolean {
  return signal.aborted && !inputs.signal.aborted && !session.control.abort.signal.aborted;
}
