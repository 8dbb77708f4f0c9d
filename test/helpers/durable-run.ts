import { hashOf } from '../../src/core/canonical.ts';
import type { GateVerdict } from '../../src/gates/verdict.ts';
import { storeEvidence } from '../../src/journal/evidence.ts';
import { Journal } from '../../src/journal/journal.ts';
import { ObservationWriter } from '../../src/journal/observations.ts';
import type { NodeBefore, Plan, RunEvent } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { SettableClock } from './settable-clock.ts';

export interface DurableRunOptions {
  /** Where it stops: in the first half, waiting for a person, or at its end. Default `finished`. */
  until?: 'interrupted' | 'waiting' | 'finished';
  /** Put into names and texts where a system under test could have a say. */
  hostile?: string;
  testnet?: string;
}

const nodes = ['validator-0', 'validator-1', 'validator-2', 'validator-3'];
const digest = `sha256:${hashOf('1.1.0')}`;
const state = (): NodeBefore[] =>
  nodes.map((node) => ({ node, version: '1.1.0', digest, generation: 'aaaa', state: 'running' }));

/**
 * Writes a canary of a feature that was interrupted, resumed with other code, approved by a person and found inconclusive, with each of
 * the records of a durable run, and returns its folder.
 */
export async function writeDurableRun(
  stateDir: string,
  { until = 'finished', hostile = '', testnet = 'local' }: DurableRunOptions = {},
): Promise<{ runDir: string; runId: string }> {
  const runId = '20260314-092653-d0ra';
  const clock = new SettableClock('2026-03-14T09:26:53.000Z');
  const runDir = runFolder(stateDir, runId);
  const journal = await Journal.create(runDir, clock);
  const observations = await ObservationWriter.open(runDir, clock);
  const plan = canaryPlan(testnet);
  const put = async (event: RunEvent, afterMs = 400): Promise<void> => {
    await journal.append(event);
    for (let passed = 0; passed < afterMs; passed += 400) {
      clock.advance(Math.min(400, afterMs - passed));
      for (const [index, node] of nodes.entries())
        observations.add({
          atMs: clock.wallMs(),
          node,
          state: 'running',
          version: '1.1.0',
          digest,
          height: 100 + Math.floor(clock.monotonicMs() / 900),
          peers: 3,
          alive: true,
          acknowledged: 3 + (index % 2),
          errors: 0,
        });
    }
  };
  const gate = async (step: string): Promise<void> => {
    await put({
      type: 'gate.started',
      gate: `${step}#1`,
      step,
      nodes: [...nodes],
      profile: 'standard',
      deadlineMs: 900_000,
    });
    await put({ type: 'gate.phase', gate: `${step}#1`, phase: 'observe' }, 4000);
    const evidence = await storeEvidence(runDir, { step });
    await put({ type: 'gate.verdict', gate: `${step}#1`, step, nodes: [...nodes], verdict: passed(hostile), evidence });
  };
  const finish = async (outcome: 'interrupted' | 'inconclusive', exitCode: number, reason: string): Promise<void> =>
    put({
      type: 'run.finished',
      outcome,
      exitCode,
      reason: reason + hostile,
      after: state(),
      cost: { missedRounds: 3, worstStallMs: 1200, lost: 0, duplicated: 0, durationMs: clock.monotonicMs() - 1000 },
      observations: 'none',
    });
  const close = async (): Promise<{ runDir: string; runId: string }> => {
    await observations.close();
    await journal.close();
    return { runDir, runId };
  };

  await put({
    type: 'run.started',
    runId,
    testnet,
    system: 'reference',
    lab: 'process',
    runbook: 'tss-canary',
    planHash: hashOf(plan),
    plan,
    seatrialVersion: '0.1.0',
    before: state(),
  });
  await put({ type: 'lease.taken', token: 4 });
  await put({ type: 'step.started', step: 'preflight' });
  await gate('preflight');
  await put({ type: 'step.done', step: 'preflight' });
  const step = 'switch/validator-0';
  await put({ type: 'step.started', step });
  const detail = { toggle: `tss${hostile}`, value: true, ttlMs: 600_000 };
  await put({ type: 'effect.intent', step, effect: 'switch', node: 'validator-0', detail }, 1200);
  await finish('interrupted', 130, 'SIGINT');
  if (until === 'interrupted') return close();

  clock.advance(20_000);
  const by = { host: 'workbench', pid: 4711 };
  await put({ type: 'run.resumed', by, seatrialVersion: '0.1.1', code: hashOf('new code'), acceptedCode: true });
  await put({ type: 'lease.taken', token: 5 });
  await put({
    type: 'observed',
    step,
    action: 'switch',
    node: 'validator-0',
    verdict: 'absent',
    detail: `off${hostile}`,
  });
  await put({ type: 'effect.intent', step, effect: 'switch', node: 'validator-0', detail }, 800);
  await put({ type: 'effect.done', step, effect: 'switch', node: 'validator-0', tookMs: 800, detail: { height: 130 } });
  await put({ type: 'step.done', step });
  await put({ type: 'step.started', step: 'activation' });
  const evidence = await storeEvidence(runDir, { activation: true });
  const reason = `7 of 7 blocks carry the combined signature${hostile}`;
  const nodesOf = ['validator-0'];
  await put({
    type: 'finding',
    step: 'activation',
    finding: 'activation',
    nodes: nodesOf,
    verdict: 'pass',
    reason,
    evidence,
  });
  await put({ type: 'step.done', step: 'activation' });
  await put({ type: 'paused', by: 'operator' }, 3000);
  await put({ type: 'continued', by: 'operator' });
  await put({ type: 'step.started', step: 'approve' });
  const planHash = hashOf(plan);
  const deadlineAtMs = clock.wallMs() + 60_000;
  const question = `Go on with the other three nodes?${hostile}`;
  await put({ type: 'approval.requested', step: 'approve', planHash, question, deadlineAtMs, onTimeout: 'stop' }, 5000);
  if (until === 'waiting') return close();

  await put({ type: 'approval.decided', step: 'approve', planHash, decision: 'approved', by: `operator${hostile}` });
  await put({ type: 'step.done', step: 'approve' });
  await put({ type: 'step.started', step: 'switchback' });
  await put({ type: 'choice', step: 'switchback', name: 'seed', value: 4242 }, 6000);
  const doubt = `14 of 20 episodes; an effect below 8 % could not be told${hostile}`;
  await put({
    type: 'finding',
    step: 'switchback',
    finding: 'switchback',
    nodes: nodesOf,
    verdict: 'inconclusive',
    reason: doubt,
    evidence: await storeEvidence(runDir, { switchback: [1, 2] }),
  });
  await put({ type: 'abort.requested', by: 'operator' });
  await put({ type: 'effect.intent', step: 'switchback', effect: 'snapshot', node: 'validator-1', detail: {} });
  await put({ type: 'finalised', step: 'finalise' });
  await finish('inconclusive', 3, doubt);
  return close();
}

function canaryPlan(testnet: string): Plan {
  return {
    testnet,
    runbook: 'tss-canary',
    parameters: { toggle: 'tss' },
    lab: 'process',
    gate: 'standard',
    onFailure: 'rollback',
    steps: [
      { id: 'preflight', kind: 'preflight', nodes: [...nodes], gate: 'standard' },
      { id: 'switch/validator-0', kind: 'switch', nodes: ['validator-0'], compensation: 'switch tss off' },
      { id: 'activation', kind: 'activation', nodes: ['validator-0'] },
      { id: 'approve', kind: 'approval', nodes: [] },
      { id: 'switchback', kind: 'switchback', nodes: [...nodes] },
      { id: 'finalise', kind: 'finalise', nodes: [] },
    ],
    halts: [],
  };
}

function passed(hostile: string): GateVerdict {
  const check = (node: string) => ({
    check: 'height-advances',
    node,
    critical: true,
    advisory: false,
    ok: 7,
    bad: 0,
    unknown: 1,
    slots: '?+++++++',
    lastDetail: `empty${hostile}`,
  });
  return {
    kind: 'PASS',
    reason: `all checks held${hostile}`,
    cause: 'window-full',
    weak: false,
    slots: 8,
    elapsedMs: 4000,
    checks: nodes.map(check),
  };
}
