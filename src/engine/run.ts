import { storeEvidence } from '../journal/evidence.ts';
import type { RunOutcome } from '../journal/records.ts';
import { checkLedger } from '../load/check-ledger.ts';
import { startLoad, type Load } from '../load/generator.ts';
import type { Topology } from '../topology/topology.ts';
import type { Deployer, NodeChange, Stage } from './deployer.ts';
import { endingOf, GateError, type Ending } from './outcome.ts';
import type { OnFailure } from './runbook.ts';
import { RunSession, type SessionOptions } from './session.ts';

export interface RunInputs extends SessionOptions {
  deployer: Deployer;
  /** The topology to reach. */
  target: Topology;
  /** Resolves the topology in which the nodes run these versions; a rollback needs it. */
  topologyFor(versions: Record<string, string>): Promise<Topology>;
  /** Nodes in the order they are changed. */
  order: readonly string[];
  onFailure: OnFailure;
  hasLoad: boolean;
  /** It may begin without a quorum where it touches broken nodes alone. */
  isRepair: boolean;
  /** The changes that a preview must show exactly; undefined: whatever the topology needs. */
  expected?: NodeChange[];
}

export interface RunResult {
  runId: string;
  outcome: RunOutcome;
  exitCode: number;
  reason?: string;
  runDir: string;
  /** Version that each node is to run now. */
  versions: Record<string, string>;
}

/** Executes a plan: preflight, load, the stage behind its gates, rollback where a gate failed, and the ledger's check. */
export async function executeRun(inputs: RunInputs): Promise<RunResult> {
  const session = await RunSession.open(inputs);
  const { topology, plan, hasLoad } = inputs;
  let load: Load | undefined;
  try {
    let ending: Ending;
    try {
      if (hasLoad) load = await offerLoad(session, inputs);
      if (plan.steps.some((step) => step.kind === 'preflight'))
        await session.gates.preflight(topology, inputs.order, {
          judgesIdentity: plan.runbook !== 'up',
          mayRepair: inputs.isRepair,
        });
      await rollForward(session, inputs);
      ending = { outcome: 'passed' };
    } catch (error) {
      ending = await settleFailure(session, inputs, error);
    }
    const { lost, duplicated, problem } = load ? await settleLoad(session, inputs, load) : { lost: 0, duplicated: 0 };
    if (problem && ending.outcome === 'passed') ending = problem;
    const exitCode = await session.finish(ending, { lost, duplicated });
    const { outcome, reason } = ending;
    return {
      runId: inputs.runId,
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
  }
}

async function rollForward(session: RunSession, inputs: RunInputs): Promise<void> {
  const { deployer, target, order, plan, signal, expected } = inputs;
  const stage: Stage = { topology: target, order, ...(expected && { expected }) };
  await deployer.roll(stage, session.hooks(target, plan.runbook, order, signal), signal);
}

async function offerLoad(session: RunSession, { profile, topology, clock, runId }: RunInputs): Promise<Load> {
  await session.record({ type: 'step.started', step: 'load' });
  await session.record({ type: 'load.started', perSecond: topology.loadPerSecond });
  return startLoad({
    profile,
    clients: session.clients,
    perSecond: topology.loadPerSecond,
    ledger: session.ledger,
    clock,
    label: runId,
    isServing: (node) => session.observer.isServing(node),
  });
}

/** A gate that says FAIL is answered as the plan says; everything else leaves the network as it is. */
async function settleFailure(session: RunSession, inputs: RunInputs, error: unknown): Promise<Ending> {
  const ending = endingOf(error);
  const isFailure = error instanceof GateError && error.verdict.kind === 'FAIL';
  if (!isFailure || inputs.onFailure === 'hold' || session.changed.length === 0) return ending;
  try {
    const blamed = session.changed.filter((node) => error.nodes.includes(node));
    // A lost quorum is nobody's alone; the newest change is the one to take back.
    const failed =
      inputs.onFailure === 'node' ? (blamed.length > 0 ? blamed : session.changed.slice(-1)) : session.changed;
    session.gates.forgetGuards();
    const nodes = [...new Set(failed)].reverse().filter((node) => !session.gates.wasMended(node));
    if (nodes.length === 0) return ending;
    await rollBack(session, inputs, await session.gates.brokenFirst(nodes), ending.reason ?? '');
    return { outcome: 'rolled-back', ...(ending.reason !== undefined && { reason: ending.reason }) };
  } catch (second) {
    const { reason } = endingOf(second);
    return { outcome: 'rollback-failed', reason: `${ending.reason}; the rollback did not succeed: ${reason}` };
  }
}

/** Each node behind the same gate. The signal that ends a run does not end its rollback. */
async function rollBack(session: RunSession, inputs: RunInputs, nodes: string[], reason: string): Promise<void> {
  const { deployer, versions, target, topologyFor } = inputs;
  await session.record({ type: 'rollback.started', reason, nodes });
  const after = Object.fromEntries(target.nodes.map((node) => [node.name, node.release.version]));
  const back = await topologyFor({ ...after, ...versionsOf(nodes, versions), ...untouched(inputs, session) });
  const signal = new AbortController().signal;
  const roll = (): Promise<void> =>
    deployer.roll(
      { topology: back, order: nodes, only: nodes },
      session.hooks(back, 'rollback', nodes, signal),
      signal,
    );
  try {
    await roll();
  } catch (error) {
    // A Ctrl-C reaches the programs that the deployer started as well; it ends the run, never its rollback.
    if (!inputs.signal.aborted || error instanceof GateError) throw error;
    await roll();
  }
}

/** Nodes that the run has not reached keep what they ran. */
function untouched({ versions }: RunInputs, session: RunSession): Record<string, string> {
  return Object.fromEntries(Object.entries(versions).filter(([node]) => !session.changed.includes(node)));
}

function versionsOf(nodes: readonly string[], versions: Record<string, string>): Record<string, string> {
  return Object.fromEntries(nodes.flatMap((node) => (versions[node] === undefined ? [] : [[node, versions[node]]])));
}

/** Stops the traffic and looks for every acknowledged transaction. */
async function settleLoad(
  session: RunSession,
  { profile, clock, signal }: RunInputs,
  load: Load,
): Promise<{ lost: number; duplicated: number; problem?: Ending }> {
  await load.stop();
  await session.record({ type: 'step.done', step: 'load' });
  await session.record({ type: 'step.started', step: 'ledger' });
  const { counts, latenciesMs } = session.ledger;
  const check = await checkLedger({ profile, clients: session.clients, ledger: session.ledger, clock, signal });
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const quantile = (q: number): number | undefined =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  const [p50, p95] = [quantile(0.5), quantile(0.95)];
  await session.record({
    type: 'load.finished',
    summary: {
      ...counts,
      lost: check.lost.length,
      duplicated: check.duplicated.length,
      unchecked: check.unchecked,
      ...(p50 !== undefined && { latencyP50Ms: Math.round(p50) }),
      ...(p95 !== undefined && { latencyP95Ms: Math.round(p95) }),
    },
    evidence: await storeEvidence(session.runDir, check),
  });
  await session.record({ type: 'step.done', step: 'ledger' });
  const harm = [
    ...(check.lost.length > 0 ? [`${check.lost.length} acknowledged transactions were lost`] : []),
    ...(check.duplicated.length > 0 ? [`${check.duplicated.length} transactions were committed twice`] : []),
  ];
  // No loss that was found means nothing where nothing could be looked for.
  const doubts = [
    ...(check.unchecked > 0
      ? [`${check.unchecked} acknowledged transactions could not be looked for: ${check.reason ?? 'no reason'}`]
      : []),
    ...(counts.sent > 0 && counts.acknowledged === 0 ? [`none of ${counts.sent} transactions was acknowledged`] : []),
  ];
  const problem: Ending | undefined =
    harm.length > 0
      ? { outcome: 'failed', reason: harm.join('; ') }
      : doubts.length > 0
        ? { outcome: 'inconclusive', reason: doubts.join('; ') }
        : undefined;
  return { lost: check.lost.length, duplicated: check.duplicated.length, ...(problem && { problem }) };
}
