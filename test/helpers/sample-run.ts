import { hashOf } from '../../src/core/canonical.ts';
import type { CheckSummary, GateVerdict, VerdictKind } from '../../src/gates/verdict.ts';
import { storeEvidence } from '../../src/journal/evidence.ts';
import { Journal } from '../../src/journal/journal.ts';
import { ObservationWriter } from '../../src/journal/observations.ts';
import type { NodeBefore, Plan, PlanStep, RunCost, RunOutcome } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { newRunId } from '../../src/journal/run-id.ts';
import { SettableClock } from './settable-clock.ts';

/** `killed`: the process died in the middle of the second node's replacement. */
export type SampleKind = 'upgraded' | 'rolled-back' | 'killed';

export interface SampleOptions {
  kind: SampleKind;
  /** Default 4. */
  nodes?: number;
  /** Default 500. */
  slotMs?: number;
  /** Put into names and texts where a system under test could have a say. */
  hostile?: string;
}

interface SampleNode {
  name: string;
  version: string;
  generation: string;
  alive: boolean;
  height: number;
  isFaulty: boolean;
}

const digestOf = (version: string): string => `sha256:${hashOf(version)}`;

/** Writes a run as the engine would, on a clock of its own, and returns its folder. The same options give the same bytes. */
export async function writeSampleRun(
  stateDir: string,
  options: SampleOptions,
): Promise<{ runDir: string; runId: string }> {
  const clock = new SettableClock('2026-03-14T09:26:53.000Z');
  const random = randomFrom(42);
  const runId = newRunId(clock, random);
  const runDir = runFolder(stateDir, runId);
  const sample = new SampleRun(options, clock, random, runDir, await Journal.create(runDir, clock));
  await sample.play(runId, await ObservationWriter.open(runDir, clock));
  return { runDir, runId };
}

class SampleRun {
  readonly #options: SampleOptions;
  readonly #clock: SettableClock;
  readonly #random: () => number;
  readonly #runDir: string;
  readonly #journal: Journal;
  readonly #nodes: SampleNode[];
  readonly #hostile: string;
  readonly #to: string;
  readonly #from: string;
  #observations: ObservationWriter | undefined;
  #head = 100;
  #acknowledged = 0;
  #errors = 0;
  #isLoaded = false;

  constructor(options: SampleOptions, clock: SettableClock, random: () => number, runDir: string, journal: Journal) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#runDir = runDir;
    this.#journal = journal;
    this.#hostile = options.hostile ?? '';
    [this.#from, this.#to] = options.kind === 'rolled-back' ? ['1.1.0', '1.2.0-bad'] : ['1.0.0', '1.1.0'];
    this.#nodes = Array.from({ length: options.nodes ?? 4 }, (_, index) => ({
      name: `validator-${index}`,
      version: this.#from,
      generation: hashOf(this.#from).slice(0, 16),
      alive: true,
      height: 100,
      isFaulty: false,
    }));
  }

  async play(runId: string, observations: ObservationWriter): Promise<void> {
    this.#observations = observations;
    const plan = this.#plan();
    await this.#journal.append({
      type: 'run.started',
      runId,
      testnet: 'local',
      system: 'reference',
      lab: 'process',
      runbook: 'rolling-upgrade',
      planHash: hashOf(plan),
      plan,
      seatrialVersion: '0.1.0',
      before: this.#states(),
    });
    await this.#preflight();
    const isUpgraded = await this.#upgrade();
    if (this.#options.kind !== 'killed') await this.#finish(isUpgraded);
    else {
      await observations.close();
      await this.#journal.close();
    }
  }

  #plan(): Plan {
    const upgrade = (node: SampleNode): PlanStep => ({
      id: `upgrade/${node.name}`,
      kind: 'replace',
      nodes: [node.name],
      from: this.#from,
      to: this.#to,
      gate: 'smoke',
      compensation: `put ${node.name} back on ${this.#from}`,
      quorumMargin: 0,
    });
    const all = this.#nodes.map(({ name }) => name);
    return {
      testnet: 'local',
      runbook: 'rolling-upgrade',
      parameters: { version: this.#to + this.#hostile },
      lab: 'process',
      gate: 'smoke',
      onFailure: 'rollback',
      steps: [
        { id: 'preflight', kind: 'preflight', nodes: all, gate: 'smoke', quorumMargin: 1 },
        { id: 'load', kind: 'load', nodes: all },
        ...this.#nodes.map(upgrade),
        { id: 'verify', kind: 'verify', nodes: all, quorumMargin: 1 },
      ],
      worstQuorumMargin: 0,
      halts: [],
    };
  }

  async #preflight(): Promise<void> {
    const all = this.#nodes.map(({ name }) => name);
    await this.#journal.append({ type: 'step.started', step: 'preflight' });
    await this.#gate('preflight', all, 'PASS');
    await this.#journal.append({ type: 'step.done', step: 'preflight' });
    await this.#journal.append({ type: 'step.started', step: 'load' });
    await this.#journal.append({ type: 'load.started', perSecond: 10 * this.#nodes.length });
    this.#isLoaded = true;
    await this.#journal.append({ type: 'step.done', step: 'load' });
    await this.#pass(1000);
  }

  async #upgrade(): Promise<boolean> {
    const { kind } = this.#options;
    for (const [index, node] of this.#nodes.entries()) {
      const step = `upgrade/${node.name}`;
      await this.#journal.append({ type: 'step.started', step });
      await this.#replace(step, node, this.#to, kind === 'killed' && index === 1);
      if (kind === 'killed' && index === 1) return false;
      node.isFaulty = kind === 'rolled-back';
      await this.#gate(step, [node.name], node.isFaulty ? 'FAIL' : 'PASS');
      if (node.isFaulty) {
        await this.#rollBack(node);
        return false;
      }
      await this.#journal.append({ type: 'step.done', step });
    }
    return true;
  }

  async #rollBack(node: SampleNode): Promise<void> {
    const reason = `height-advances of ${node.name} was BAD for 3 slots${this.#hostile}`;
    await this.#journal.append({ type: 'rollback.started', reason, nodes: [node.name] });
    const step = `rollback/${node.name}`;
    await this.#journal.append({ type: 'step.started', step });
    await this.#replace(step, node, this.#from, false);
    node.isFaulty = false;
    await this.#gate(step, [node.name], 'PASS');
    await this.#journal.append({ type: 'step.done', step });
  }

  async #replace(step: string, node: SampleNode, version: string, isKilled: boolean): Promise<void> {
    const generation = hashOf(version).slice(0, 16);
    const change = { step, action: 'replace', node: node.name } as const;
    await this.#journal.append({
      ...change,
      type: 'intent',
      fromVersion: node.version,
      toVersion: version,
      toDigest: digestOf(version),
      generation,
    });
    node.alive = false;
    const tookMs = 1200 + Math.floor(this.#random() * 900);
    await this.#pass(tookMs);
    if (isKilled) return;
    Object.assign(node, { version, generation, alive: true });
    await this.#journal.append({
      ...change,
      type: 'done',
      digest: digestOf(version),
      instance: `${4000 + Math.floor(this.#random() * 999)}:${this.#clock.wallMs()}`,
      version,
      tookMs,
    });
  }

  async #gate(step: string, nodes: string[], kind: VerdictKind): Promise<void> {
    const gate = `${step}#1`;
    await this.#journal.append({ type: 'gate.started', gate, step, nodes, profile: 'smoke', deadlineMs: 30_000 });
    const startMs = this.#clock.monotonicMs();
    if (step === 'preflight') await this.#phase(gate, 'preflight', 2000);
    else {
      await this.#phase(gate, 'identity', 400 + Math.floor(this.#random() * 400));
      await this.#phase(gate, 'settle', 1000);
      await this.#phase(gate, 'observe', kind === 'PASS' ? 4000 : 1500);
    }
    const verdict = this.#verdict(nodes, kind, this.#clock.monotonicMs() - startMs);
    const evidence = await storeEvidence(this.#runDir, { gate, samples: verdict.checks.map(({ slots }) => slots) });
    await this.#journal.append({ type: 'gate.verdict', gate, step, nodes, verdict, evidence });
  }

  async #phase(
    gate: string,
    phase: 'preflight' | 'identity' | 'settle' | 'observe',
    durationMs: number,
  ): Promise<void> {
    await this.#journal.append({ type: 'gate.phase', gate, phase });
    await this.#pass(durationMs);
  }

  #verdict(nodes: string[], kind: VerdictKind, elapsedMs: number): GateVerdict {
    const slots = kind === 'PASS' ? '++++++++' : '+--';
    const good = kind === 'PASS' ? '++++++++' : '+++';
    const checks = nodes.flatMap((node): CheckSummary[] => [
      check('liveness', node, true, good),
      {
        ...check('height-advances', node, true, kind === 'PASS' ? slots : '---'),
        ...(kind === 'PASS' ? {} : { lastDetail: `height 131 for 1.5 s, expected at least 133${this.#hostile}` }),
      },
      check('same-hash', node, true, kind === 'PASS' ? '?+++++++' : '???'),
      check('peers', node, false, good),
      check('error-rate', node, false, kind === 'PASS' ? '-+++++++' : slots),
    ]);
    const node = nodes[0] ?? '';
    return {
      kind,
      reason:
        kind === 'PASS'
          ? `all checks of ${nodes.join(', ')} held for a full window of 4 s`
          : `height-advances of ${node} was BAD for 3 slots running, after ${(elapsedMs / 1000).toFixed(1)} s: height 131${this.#hostile}`,
      cause: kind === 'PASS' ? 'window-full' : 'critical-bad',
      weak: true,
      slots: slots.length,
      elapsedMs,
      checks,
    };
  }

  async #finish(isUpgraded: boolean): Promise<void> {
    if (isUpgraded) {
      await this.#journal.append({ type: 'step.started', step: 'verify' });
      await this.#pass(1500);
      await this.#journal.append({ type: 'step.done', step: 'verify' });
    }
    const summary = {
      sent: this.#acknowledged + this.#errors + 2,
      acknowledged: this.#acknowledged,
      rejected: this.#errors,
      unknown: 2,
      lost: 0,
      duplicated: 0,
      unchecked: 0,
      latencyP50Ms: 184,
      latencyP95Ms: 611,
    };
    const evidence = await storeEvidence(this.#runDir, { ledger: summary });
    await this.#journal.append({ type: 'load.finished', summary, evidence });
    if (!isUpgraded) {
      await this.#journal.append({ type: 'note', level: 'warning', text: `1.2.0-bad was refused${this.#hostile}` });
    }
    const cost: RunCost = {
      missedRounds: isUpgraded ? 4 : 6,
      worstStallMs: isUpgraded ? 1840 : 2310,
      lost: 0,
      duplicated: 0,
      durationMs: this.#clock.monotonicMs() - 1000,
    };
    const outcome: RunOutcome = isUpgraded ? 'passed' : 'rolled-back';
    const observations = (await this.#observations?.close())?.hash ?? '';
    await this.#journal.append({
      type: 'run.finished',
      outcome,
      exitCode: isUpgraded ? 0 : 1,
      ...(isUpgraded
        ? {}
        : { reason: `the gate of validator-0 failed: height-advances was BAD for 3 slots${this.#hostile}` }),
      after: this.#states(),
      cost,
      observations,
    });
    await this.#journal.close();
  }

  /** Lets time go by, slot by slot, as the observer would see it. */
  async #pass(durationMs: number): Promise<void> {
    const slotMs = this.#options.slotMs ?? 500;
    for (let leftMs = durationMs; leftMs > 0; leftMs -= slotMs) {
      const stepMs = Math.min(slotMs, leftMs);
      this.#clock.advance(stepMs);
      const up = this.#nodes.filter(({ alive, isFaulty }) => alive && !isFaulty);
      if (this.#random() < (up.length === this.#nodes.length ? 0.8 : 0.55)) this.#head++;
      for (const node of this.#nodes) this.#observe(node, stepMs, up.length);
    }
    // Lets the writer of the observations have its turn.
    await Promise.resolve();
  }

  #observe(node: SampleNode, stepMs: number, upCount: number): void {
    const isServing = node.alive && !node.isFaulty;
    if (isServing) node.height = Math.max(node.height, this.#head - (this.#random() < 0.2 ? 1 : 0));
    const share = (10 * this.#nodes.length * stepMs) / 1000 / Math.max(1, upCount);
    const acknowledged = isServing && this.#isLoaded ? Math.round(share * (0.7 + 0.6 * this.#random())) : 0;
    const errors = !this.#isLoaded ? 0 : node.isFaulty ? 2 : !node.alive && this.#random() < 0.5 ? 1 : 0;
    this.#acknowledged += acknowledged;
    this.#errors += errors;
    this.#observations?.add({
      atMs: this.#clock.wallMs(),
      node: node.name,
      state: node.alive ? 'running' : 'stopped',
      ...(node.alive ? { version: node.version, digest: digestOf(node.version), height: node.height, peers: 3 } : {}),
      alive: node.alive,
      acknowledged,
      errors,
    });
  }

  #states(): NodeBefore[] {
    return this.#nodes.map(({ name, version, generation, alive }) => ({
      node: name,
      version,
      digest: digestOf(version),
      generation,
      state: alive ? 'running' : 'stopped',
    }));
  }
}

function check(name: string, node: string, critical: boolean, slots: string): CheckSummary {
  const count = (state: string): number => slots.split(state).length - 1;
  return {
    check: name,
    node,
    critical,
    advisory: name === 'peers',
    ok: count('+'),
    bad: count('-'),
    unknown: count('?'),
    slots,
    ...(name === 'same-hash' ? { lastDetail: 'empty: no common height yet' } : {}),
  };
}

/** Numbers in [0, 1) that are the same every time (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
