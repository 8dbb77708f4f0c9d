import type { PlanStep } from '../journal/records.ts';
import { changeWanted, type Wanted } from '../topology/desired.ts';
import type { Topology } from '../topology/topology.ts';
import { messageOf, RefusedError } from '../core/errors.ts';
import { allEnded } from '../core/wait.ts';
import { proveActivation } from './canary/activation.ts';
import { calibrate, compareVersions } from './canary/compare.ts';
import { watchSlo } from './canary/slo.ts';
import { runSwitchback } from './canary/switchback.ts';
import { askApproval } from './approval.ts';
import { restoreBackup } from './backups/restore-backup.ts';
import { backUpNode, storeBackup } from './backups/take-backup.ts';
import { awaitHeight } from './await-height.ts';
import type { NodeChange } from './deployer.ts';
import { healAndGate } from './faults/heal-step.ts';
import { hold } from './faults/hold.ts';
import { faultsToTakeAgain } from './faults/take-again.ts';
import { VoidError } from './ending/outcome.ts';
import { changedNodes } from './planning/plan.ts';
import { runDrillStep } from './drill/drill-steps.ts';
import { requireRejected } from './drill/require-rejected.ts';
import { lossesToTakeAgain } from './drill/take-again.ts';
import { checkTelemetry } from './telemetry.ts';
import type { RunContext } from './run-context.ts';
import type { RunSession } from './session.ts';

/** Goes through the plan; what is done already is passed over. `after`: index of a step with which all before it is passed over as well. */
export async function runStages(context: RunContext, { after = -1 } = {}): Promise<void> {
  const { inputs, session } = context;
  const { plan, topology } = inputs;
  const { state } = session;
  const steps = plan.steps.slice(after + 1).filter(({ kind }) => kind !== 'load' && kind !== 'verify');
  await takeAgain(context, steps);
  for (let index = 0; index < steps.length;) {
    const step = steps[index] as PlanStep;
    const together = step.stage === undefined ? [step] : steps.slice(index).filter(({ stage }) => stage === step.stage);
    index += together.length;
    if (together.every(({ id }) => state.done.has(id))) continue;
    await session.awaitTurn(context.signal);
    context.faults.throwIfVoid();
    if (step.kind === 'preflight') {
      const changing = changedNodes(plan);
      const preflight = session.gates.preflight(topology, changing, {
        judgesIdentity: plan.runbook !== 'up',
        mayRepair: plan.isRepair ?? false,
        signal: context.signal,
      });
      await allEnded([preflight, session.contract.look(topology, changing, context.signal)]);
      continue;
    }
    if (step.stage === undefined) await runStep(context, step);
    else await rollStage(context, together);
    if (step.stage !== undefined) requireRejected(context, together);
    context.faults.throwIfVoid();
    context.effects.throwIfLost();
  }
  // Harm that shows during the last step would otherwise be nobody's.
  session.gates.throwIfGuardFailed();
}

/**
 * A run that ends early gives back what it holds on running nodes: what it stopped, what it switched. When it goes on, that is taken
 * again before the steps that stand on it; otherwise they would pass without having shown anything.
 */
async function takeAgain(context: RunContext, steps: readonly PlanStep[]): Promise<void> {
  const { session, effects, signal } = context;
  const { done, stopped, switches } = session.state;
  const needed = new Map<string, PlanStep>();
  for (const step of steps) {
    if (!done.has(step.id)) break;
    const [node = ''] = step.nodes;
    const key = step.kind === 'switch' ? `${node}/${step.toggle}` : node;
    if (step.kind === 'stop' || (step.kind === 'switch' && step.on)) needed.set(key, step);
    else if (['start', 'replace', 'switch'].includes(step.kind)) needed.delete(key);
  }
  for (const [key, step] of needed) {
    const held = switches.get(key);
    if (held) await effects.extend(held, signal);
    else if (!stopped.has(key)) await runStep(context, step);
  }
  const losses = lossesToTakeAgain(session.state, steps);
  const faults = faultsToTakeAgain(steps, done);
  // Once for all of them: together they are the disaster, and what one of them reaches counts.
  if (losses.length + faults.length > 0) await session.drill?.takeAgain();
  for (const step of losses) await runStep(context, step);
  for (const step of faults) {
    await runStep(context, step).catch((error: unknown) => {
      if (signal.aborted || error instanceof VoidError) throw error;
      throw new VoidError(`the fault ${step.id} could not be begun again: ${messageOf(error)}`);
    });
  }
}

async function runStep(whole: RunContext, step: PlanStep): Promise<void> {
  // What is seen after a fault became void says nothing: nobody waits for its end.
  const context = { ...whole, signal: AbortSignal.any([whole.signal, whole.faults.voided]) };
  try {
    await doStep(context, step);
  } catch (error) {
    if (!whole.signal.aborted) whole.faults.throwIfVoid();
    throw error;
  }
}

async function doStep(context: RunContext, step: PlanStep): Promise<void> {
  const { session, effects, faults, signal } = context;
  const [node = ''] = step.nodes;
  await session.record({ type: 'step.started', step: step.id });
  switch (step.kind) {
    case 'approval':
      await askApproval(context, step);
      break;
    case 'soak':
      await session.gates.gate(step.id, step.nodes, session.deployed, { soakMs: step.forMs, signal });
      break;
    case 'await-height':
      await awaitHeight(context, step);
      break;
    case 'finalise':
      await session.record({ type: 'finalised', step: step.id });
      break;
    case 'switch':
      if (step.on) await effects.switch(step.id, node, step.toggle ?? '', true, step.ttlMs ?? 0, signal);
      else await clearSwitch(context, node, step.toggle ?? '');
      break;
    case 'activation':
      await proveActivation(context, step);
      break;
    case 'switchback':
      await runSwitchback(context, step);
      break;
    case 'calibrate':
      await calibrate(context, step);
      break;
    case 'compare':
      await compareVersions(context, step);
      break;
    case 'slo':
      await watchSlo(context, step);
      break;
    case 'fault':
      await faults.begin(step, signal);
      break;
    case 'hold':
      await hold(context, step);
      break;
    case 'heal':
      await healAndGate(context, step);
      break;
    case 'telemetry':
      await checkTelemetry(context, step);
      break;
    case 'take-backup':
      await backUpNode(context, step);
      break;
    case 'store-backup':
      await storeBackup(context, step);
      break;
    case 'restore-backup':
      await restoreBackup(context, step);
      break;
    case 'stop':
      if (step.mayHalt) session.gates.beginHalt();
      else await session.gates.checkBudget(session.deployed, node, [], step.id, signal);
      session.gates.beginChange([node]);
      await effects.stop(step.id, node, signal);
      break;
    case 'start':
      if (step.nodes.length > 1) session.gates.beginChange(step.nodes);
      for (const together of inStartOrder(step.nodes, session.deployed)) {
        await Promise.all(together.map((name) => effects.start(step.id, name, signal)));
      }
      // A Prometheus that was stopped with them knows none of them before its next scrapes.
      if (step.nodes.length > 1) await session.gates.awaitFirstScrapes(step.nodes, signal);
      await session.gates.gate(step.id, step.nodes, session.deployed, { signal });
      break;
    default:
      if (await runDrillStep(context, step)) break;
      throw new RefusedError('unsupported', `this program cannot do the step ${step.id} (${step.kind})`);
  }
  await session.record({ type: 'step.done', step: step.id });
}

/** Those that are started at once, one start order after the other. */
function inStartOrder(names: readonly string[], { nodes }: Topology): string[][] {
  const named = nodes.filter(({ name }) => names.includes(name));
  const orders = [...new Set(named.map(({ startOrder }) => startOrder))].sort((a, b) => a - b);
  return orders.map((order) => named.filter(({ startOrder }) => startOrder === order).map(({ name }) => name));
}

async function clearSwitch({ session, effects, signal }: RunContext, node: string, toggle: string): Promise<void> {
  const held = session.state.switches.get(`${node}/${toggle}`);
  if (held) await effects.clear(held, signal);
}

/** Rolls the changes of one stage in one go. */
async function rollStage(
  { inputs, session, snapshots, signal }: RunContext,
  steps: readonly PlanStep[],
): Promise<void> {
  const { plan, deployer, topologyFor } = inputs;
  const replacing = steps.filter(({ kind }) => kind === 'replace');
  const target = await topologyFor(wantedAfter(inputs.before, plan.steps, steps));
  requirePlanned(replacing, target);
  const order = steps.filter(({ kind }) => kind !== 'gate-all').flatMap(({ nodes }) => nodes);
  const hooks = session.hooks(
    {
      id: steps[0]?.stage ?? plan.runbook,
      target,
      order,
      batches: new Map(
        replacing.flatMap(({ nodes: [node = ''], batch }) => (batch === undefined ? [] : [[node, batch]])),
      ),
      mayHalt: replacing.some(({ mayHalt }) => mayHalt),
      flags: new Map(replacing.flatMap(({ nodes: [node = ''], flags }) => (flags ? [[node, flags]] : []))),
      data: replacing.some(({ snapshot }) => snapshot) ? 'snapshot' : undefined,
    },
    signal,
    snapshots,
  );
  // With `up` the file decides, beside the nodes as well: whatever differs is wanted.
  const expected = plan.runbook === 'up' ? undefined : await expectedChanges(inputs.lab, target, order);
  // What the run itself has stopped or broken stays so, and is no drift.
  const { stopped: asked, impaired } = session.state;
  const stopped = [...asked, ...impaired].filter((node) => !order.includes(node));
  const only = target.nodes.map(({ name }) => name).filter((name) => !stopped.includes(name));
  await deployer.roll(
    { topology: target, order, ...(expected && { expected }), ...(stopped.length > 0 && { only }) },
    hooks,
    signal,
  );
  await endStage(session, steps, hooks);
}

/** After the roll: what waited is gated, and what needed nothing is done as well. */
export async function endStage(
  session: RunSession,
  steps: readonly PlanStep[],
  hooks: ReturnType<RunSession['hooks']>,
): Promise<void> {
  await hooks.gateRest();
  for (const { id } of steps) if (!session.state.done.has(id)) await session.record({ type: 'step.done', step: id });
}

/** The changes that a preview must show, and nothing else: those of the stage that are not there yet. */
async function expectedChanges(
  lab: RunContext['inputs']['lab'],
  target: Topology,
  order: readonly string[],
): Promise<NodeChange[]> {
  const changes = await Promise.all(
    target.nodes
      .filter(({ name }) => order.includes(name))
      .map(async (node): Promise<NodeChange[]> => {
        const { state, identity } = await lab.observe(node);
        if (state === 'absent') return [{ node: node.name, kind: 'create' }];
        const isThere = state === 'running' && identity?.generation === node.generation;
        return isThere ? [] : [{ node: node.name, kind: 'replace' }];
      }),
  );
  return changes.flat();
}

/** What is wanted once these steps, and those before them, are done. */
function wantedAfter(before: Wanted, all: readonly PlanStep[], steps: readonly PlanStep[]): Wanted {
  const last = steps.at(-1);
  const until = all.slice(0, last ? all.indexOf(last) + 1 : 0);
  const changes = until.flatMap(({ kind, nodes: [node = ''], to = '', flags }) =>
    kind === 'replace' ? [{ node, version: to, flags }] : [],
  );
  return changeWanted(before, changes);
}

/** What the plan promises is what would be made now. */
function requirePlanned(steps: readonly PlanStep[], target: Topology): void {
  for (const {
    nodes: [name],
    generation,
  } of steps) {
    const node = target.nodes.find((candidate) => candidate.name === name);
    if (generation === undefined || node?.generation === generation) continue;
    throw new RefusedError(
      'drift',
      `${name} would become something else than was planned: the testnet file, the profile or a release has changed since. Plan again.`,
      { details: { node: name, planned: generation, now: node?.generation } },
    );
  }
}
