import { setMaxListeners } from 'node:events';
import type { RunOutcome } from '../journal/records.ts';
import type { Load } from '../load/generator.ts';
import { abortedError } from '../core/clock.ts';
import { AbortedError } from '../core/errors.ts';
import { Effects } from './effects.ts';
import { offerLoad, settleLoad } from './load-phase.ts';
import type { Ending } from './outcome.ts';
import { judgeMissedSlots } from './missed-slots.ts';
import { changedNodes } from './plan.ts';
import { recoverOpenEffects, recoverOpenIntents } from './recover.ts';
import { RunSession } from './session.ts';
import { endEffects, goOnBack, settleFailure } from './settle.ts';
import type { RunContext, RunInputs } from './run-context.ts';
import { Snapshots } from './snapshots.ts';
import { runStages } from './stages.ts';
import { keepSwitches } from './keep-switches.ts';

export interface RunResult {
  runId: string;
  outcome: RunOutcome;
  exitCode: number;
  reason?: string;
  runDir: string;
  /** Version that each node is to run now. */
  versions: Record<string, string>;
}

/**
 * Executes a plan: preflight, load, the stages behind their gates, rollback where a gate failed, and the ledger's check. A run that
 * was cut off goes on where its journal ends.
 */
export async function executeRun(inputs: RunInputs): Promise<RunResult> {
  const session = await RunSession.open(inputs);
  const { topology, profile, lab, clock, runId, plan } = inputs;
  const deadline = new AbortController();
  const over = new AbortController();
  const back = new AbortController();
  const signal = AbortSignal.any([inputs.signal, session.control.abort.signal, deadline.signal]);
  for (const listened of [signal, deadline.signal, over.signal]) setMaxListeners(0, listened);
  const effects = new Effects({
    topology,
    profile,
    lab,
    clock,
    runId,
    state: session.state,
    clients: session.clients,
    record: (event) => session.record(event),
    requireLease: (until) => session.requireLease(until),
  });
  const snapshots = new Snapshots({
    topology,
    profile,
    lab,
    clock,
    runId,
    runDir: session.runDir,
    state: session.state,
    effects,
    clients: session.clients,
    record: (event) => session.record(event),
  });
  const context: RunContext = { inputs, session, effects, snapshots, signal };
  let load: Load | undefined;
  const hurried = new Promise<never>((_resolve, reject) => {
    inputs.hurry?.addEventListener('abort', () => reject(abortedError(inputs.hurry)), { once: true });
  });
  hurried.catch(() => undefined);
  inputs.onBegun?.(() => remainsOf(session));
  try {
    await session.control.listen();
    if (plan.deadlineMs !== undefined) {
      // Absolute, so that a run that goes on later has no more time than it had.
      const endsAtMs = session.state.startedAtMs + plan.deadlineMs;
      const leftMs = inputs.resumes ? endsAtMs - clock.wallMs() : plan.deadlineMs;
      const late = new AbortedError(`the run's deadline of ${plan.deadlineMs / 1000} s has passed`);
      if (leftMs <= 0) deadline.abort(late);
      clock.sleep(leftMs, over.signal).then(
        () => deadline.abort(late),
        () => undefined,
      );
    }
    let ending: Ending;
    try {
      const abortBy = inputs.resumes?.abortBy;
      if (abortBy !== undefined) await session.record({ type: 'abort.requested', by: abortBy });
      if (inputs.resumes) {
        // What a killed command's deployer still does is over before anything is looked at.
        await inputs.deployer.recover?.(signal);
        await recoverOpenIntents(context);
        await recoverOpenEffects(context);
      }
      if (session.state.rollback || session.state.abortedBy !== undefined) ending = await goOnBack(context);
      else {
        keepSwitches(context, AbortSignal.any([signal, back.signal]), over.signal);
        if (plan.steps.some(({ kind }) => kind === 'load')) load = await offerLoad(session, inputs);
        if (inputs.resumes) {
          const coming = changedNodes(plan).filter((node) => !session.state.touchedAtMs.has(node));
          await judgeMissedSlots(context);
          const guarded = session.gates.guardAgain(session.deployed, signal);
          await Promise.all([guarded, session.contract.look(session.deployed, coming, signal)]);
        }
        await Promise.race([runStages(context), hurried]);
        ending = { outcome: 'passed' };
      }
    } catch (error) {
      back.abort();
      ending = await settleFailure(context, error);
    }
    back.abort();
    ending = await endEffects(context, ending);
    const isHurried = inputs.hurry?.aborted ?? false;
    if (isHurried) await load?.stop();
    const { lost, duplicated, problem } =
      load && !isHurried ? await settleLoad(session, inputs, load) : { lost: 0, duplicated: 0 };
    if (problem && ending.outcome === 'passed') ending = problem;
    const exitCode = await session.finish(ending, { lost, duplicated });
    const { outcome, reason } = ending;
    return {
      runId,
      outcome,
      exitCode,
      runDir: session.runDir,
      versions: session.versions,
      ...(reason !== undefined && { reason }),
    };
  } catch (error) {
    // The journal takes nothing more: the run stays unfinished, and the next command says so.
    await load?.stop();
    await session.abandon();
    throw error;
  } finally {
    over.abort();
  }
}

/** What would be left behind if the process ended now, a sentence each. */
function remainsOf({ state }: RunSession): string[] {
  return [
    ...[...state.switches.values()].map(
      ({ node, toggle, untilMs }) =>
        `${toggle} is still switched on ${node}; it ends by itself at ${new Date(untilMs).toISOString()}`,
    ),
    ...[...state.stopped].map((node) =>
      state.openEffects.has(`${node}/restore`)
        ? `${node} is stopped, and its data is put back in part only: do not start it`
        : `${node} is stopped; start it with: seatrial up`,
    ),
    ...[...state.open.keys()].map((node) => `${node} is in the middle of its change`),
  ];
}
