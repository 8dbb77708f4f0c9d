import { setMaxListeners } from 'node:events';
import type { RunOutcome } from '../journal/records.ts';
import type { Load } from '../load/generator.ts';
import { abortedError } from '../core/clock.ts';
import { AbortedError } from '../core/errors.ts';
import { allEnded } from '../core/wait.ts';
import { settleExpectedRollback } from './drill/expected-rollback.ts';
import { Effects } from './effects.ts';
import { offerLoad, settleLoad } from './load-phase.ts';
import { RunFaults } from './faults/run-faults.ts';
import { afterLedger, blamedFor, VoidError, type Ending } from './ending/outcome.ts';
import { inTheMiddle, leftBehind } from './ending/left-behind.ts';
import { judgeMissedSlots } from './resuming/missed-slots.ts';
import { changedNodes } from './planning/plan.ts';
import { recoverOpenEffects, recoverOpenIntents } from './resuming/recover.ts';
import { RunSession } from './session.ts';
import { endEffects, goOnBack, heedGuards, settleFailure } from './ending/settle.ts';
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
  const faults = new RunFaults(inputs, session);
  const context: RunContext = { inputs, session, effects, faults, snapshots, signal };
  let load: Load | undefined;
  const hurried = new Promise<never>((_resolve, reject) => {
    inputs.hurry?.addEventListener('abort', () => reject(abortedError(inputs.hurry)), { once: true });
  });
  hurried.catch(() => undefined);
  inputs.onBegun?.(() => [...leftBehind(context), ...inTheMiddle(session)]);
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
        // Before anything is looked at: what is broken on purpose would look broken.
        await faults.sweepAll();
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
          const { contract, deployed } = session;
          const guarded = session.gates.guardAgain(deployed, signal, (nodes) =>
            contract.requireAgain(deployed, nodes, signal),
          );
          await allEnded([guarded, contract.look(deployed, coming, signal)]);
        }
        await Promise.race([runStages(context), hurried]);
        ending = { outcome: 'passed' };
      }
    } catch (error) {
      back.abort();
      // Before anything is undone: what goes back needs a network that works. A drill of a bad release shows that it needs none.
      const isDrilled = plan.drill?.expects === 'rolled-back' && blamedFor(error) !== undefined;
      const left = isDrilled ? [] : await faults.healAll(error instanceof VoidError ? 'void' : 'end', inputs.hurry);
      ending = afterFaults(await settleFailure(context, error), left);
    }
    back.abort();
    ending = await settleExpectedRollback(context, ending);
    const failure = ending.outcome === 'failed' ? ending.reason : undefined;
    ending = afterFaults(ending, await faults.healAll('end', inputs.hurry));
    ending = await endEffects(context, ending);
    const isHurried = inputs.hurry?.aborted ?? false;
    if (isHurried && load) {
      await load.stop();
      if (ending.outcome === 'passed') ending = { outcome: 'interrupted', reason: unaccounted };
    }
    const { lost, duplicated, problem } =
      load && !isHurried ? await settleLoad(session, inputs, load, failure) : { lost: 0, duplicated: 0 };
    if (problem) ending = afterLedger(ending, problem);
    ending = await heedGuards(context, ending);
    const exitCode = await session.finish({ ...ending, left: leftBehind(context) }, { lost, duplicated });
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
    await faults.healSilently();
    await load?.stop();
    await session.abandon();
    throw error;
  } finally {
    over.abort();
  }
}

/** What a run still owes that was left in a hurry, all its other steps done. */
const unaccounted = 'nobody waited until its traffic was accounted for; the run does that when it goes on';

/** A fault that stays behind, or may, is nothing that a run can pass with. */
function afterFaults(ending: Ending, problems: readonly string[]): Ending {
  if (problems.length === 0) return ending;
  const reason = [...(ending.reason === undefined ? [] : [ending.reason]), ...problems].join('; ');
  return { ...ending, outcome: ending.outcome === 'passed' ? 'void' : ending.outcome, reason };
}
