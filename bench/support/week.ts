import type { Clock } from '../../src/core/clock.ts';
import { hashOf } from '../../src/core/canonical.ts';
import { createObserver } from '../../src/engine/observer.ts';
import type { GateInput } from '../../src/gates/gate-judge.ts';
import { gateProfile } from '../../src/gates/profiles.ts';
import type { NodeReading, SlotReading } from '../../src/gates/readings.ts';
import { RunningGate } from '../../src/gates/running-gate.ts';
import { slotFacts, type NetworkFacts } from '../../src/gates/slot-facts.ts';
import { storeEvidence } from '../../src/journal/evidence.ts';
import { Journal } from '../../src/journal/journal.ts';
import { ObservationWriter } from '../../src/journal/observations.ts';
import type { NodeBefore, Plan } from '../../src/journal/records.ts';
import type { SystemProfile } from '../../src/spec/profile.ts';

export const weekSlots = 120_960;
const intervalMs = 5000;
const nodeCount = 5;
const startMs = Date.UTC(2026, 0, 5);
const names = Array.from({ length: nodeCount }, (_, index) => `validator-${index}`);
const digest = `sha256:${hashOf('1.1.0')}`;
const command = ['/usr/bin/node', '/releases/node-1.1.0.mjs', '--config', '/etc/node/config.json', '--data', '/data'];

/** Three metric checks beside the seven that the gate brings along: ten a node. */
const profile: SystemProfile = {
  name: 'bench',
  title: 'Five fake nodes',
  roles: {},
  quorum: 'bft',
  command: () => [],
  runtime: { command: [], image: '' },
  stop: { signal: 'SIGTERM', graceMs: 0 },
  liveness: { port: 'http', path: '/health' },
  probe: async () => ({}),
  blockAt: async () => undefined,
  metrics: { port: 'http', path: '/metrics' },
  checks: [
    {
      name: 'errors',
      source: 'direct',
      condition: {
        kind: 'ratio',
        bad: { metric: 'requests_total', labels: { code: { matches: '5..' } } },
        total: { metric: 'requests_total' },
        max: 0.01,
      },
    },
    { name: 'queue', source: 'direct', condition: { kind: 'value', metric: { metric: 'queue_length' }, max: 100 } },
    { name: 'memory', source: 'direct', condition: { kind: 'value', metric: { metric: 'resident_bytes' }, max: 1e9 } },
  ],
  progress: { maxStallMs: 20_000, maxLag: 5, minPeers: (count) => count - 1 },
};
const network: NetworkFacts = {
  testnet: 'bench',
  nodes: names.map((name) => ({ name, votingPower: 1 })),
  quorum: 'bft',
  availability: 'keep',
};

/** Time that passes only when told. */
class BenchClock implements Clock {
  elapsedMs = 0;
  wallMs(): number {
    return startMs + this.elapsedMs;
  }
  monotonicMs(): number {
    return this.elapsedMs;
  }
  sleep(): Promise<void> {
    return Promise.reject(new Error('nothing sleeps in this bench'));
  }
}

/**
 * Writes a run that soaks five nodes for seven days, slots of 5 s, ten checks each, through the writers of the product. Now and then
 * a node does not answer for a slot. `isKilled`: it ends without verdict, as a run does that is to be resumed.
 */
export async function writeWeek(runDir: string, { isKilled }: { isKilled: boolean }): Promise<void> {
  const clock = new BenchClock();
  const journal = await Journal.create(runDir, clock);
  const observations = await ObservationWriter.open(runDir, clock);
  const observer = createObserver({
    write: (line) => observations.add(line),
    takeTally: () => ({ acknowledged: 50, errors: 0 }),
  });
  const nodes: NodeBefore[] = names.map((node) => ({
    node,
    version: '1.1.0',
    digest,
    generation: 'g',
    state: 'running',
  }));
  const plan: Plan = {
    testnet: 'bench',
    runbook: 'soak',
    parameters: {},
    lab: 'fake',
    gate: 'soak',
    onFailure: 'hold',
    steps: [{ id: 'soak', kind: 'soak', nodes: names, gate: 'soak' }],
    halts: [],
  };
  await journal.append({
    type: 'run.started',
    runId: 'week',
    testnet: 'bench',
    system: 'bench',
    lab: 'fake',
    runbook: 'soak',
    planHash: hashOf(plan),
    plan,
    seatrialVersion: '0',
    before: nodes,
  });
  const soak = gateProfile('soak', { windowMs: weekSlots * intervalMs });
  const input: GateInput = {
    gateId: 'gate-1',
    kind: 'gate',
    profile: soak,
    network,
    nodes: names.map((name) => ({
      name,
      intended: { version: '1.1.0', digests: [digest], command, generation: 'g' },
      heightBefore: 0,
    })),
    hasPrometheus: false,
    watchesQuorum: true,
    startedAtMs: clock.wallMs(),
    startedMonoMs: 0,
  };
  const { deadlineMs } = soak;
  await journal.append({
    type: 'gate.started',
    gate: 'gate-1',
    step: 'soak',
    nodes: names,
    profile: 'soak',
    deadlineMs,
  });
  let stored: Promise<unknown> = Promise.resolve();
  const gate = new RunningGate({
    input,
    profile,
    onPhase: (phase) => void journal.append({ type: 'gate.phase', gate: 'gate-1', phase }),
    storeSegment: (segment) => {
      const storing = storeEvidence(runDir, segment).then(async (evidence) => {
        await journal.append({ type: 'gate.segment', gate: 'gate-1', index: segment.index, evidence });
        return evidence;
      });
      stored = storing;
      return storing;
    },
  });
  gate.pushIdentity(readingOf(0, clock));
  gate.takeSlotsFrom(0);
  // Beside the window the slots in which the nodes settle.
  const wanted = weekSlots + Math.ceil(soak.settleMs / intervalMs);
  let isOver = false;
  for (let slot = 0; slot < wanted && !isOver; slot++) {
    clock.elapsedMs = slot * intervalMs;
    const reading = readingOf(slot, clock);
    observer.see(reading);
    const decision = gate.pushSlot(reading, slotFacts(reading, network));
    if (slot % 120 === 0) await stored;
    if (decision.kind === 'continue') continue;
    if (decision.kind !== 'PASS') throw new Error(`the nodes of the bench are meant to be healthy: ${decision.reason}`);
    isOver = true;
    if (!isKilled) gate.end(decision);
  }
  if (!isOver) throw new Error('the soak has not passed in its week');
  await stored;
  if (!isKilled) {
    const { verdict, evidence } = await gate.result;
    const hash = await storeEvidence(runDir, evidence);
    await journal.append({ type: 'gate.verdict', gate: 'gate-1', step: 'soak', nodes: names, verdict, evidence: hash });
  }
  const { hash } = await observations.close();
  if (!isKilled) {
    await journal.append({ type: 'run.finished', outcome: 'passed', exitCode: 0, after: nodes, observations: hash });
  }
  await journal.close();
}

function readingOf(slot: number, clock: Clock): SlotReading {
  const atMs = clock.wallMs() + (slot % 3);
  const height = 1000 + slot * 5;
  // Every half an hour one of the nodes is not reached in one slot.
  const silent = slot % 360 === 200 ? names[((slot / 40) % nodeCount) | 0] : undefined;
  return {
    slot,
    atMs,
    monoMs: clock.monotonicMs(),
    leftOut: [],
    nodes: Object.fromEntries(names.map((name) => [name, nodeReading(name, height, slot, name === silent)])),
    blocks: [
      {
        height: height - 1,
        nodes: Object.fromEntries(
          names.map((name) => {
            const hashes = { block: hashOf(`block ${height}`), app: hashOf(`app ${height}`) };
            return [name, { ok: true, value: { height: height - 1, hashes } } as const];
          }),
        ),
      },
    ],
  };
}

function nodeReading(name: string, height: number, slot: number, isSilent: boolean): NodeReading {
  return {
    observation: {
      ok: true,
      value: {
        node: name,
        state: 'running',
        identity: {
          digest,
          command,
          generation: 'g',
          startedAtMs: startMs - 60_000,
          instance: `${hashOf(name)}:2026-01-04T23:59:00.000Z`,
          pid: 4711,
        },
      },
    },
    liveness: { ok: true },
    status: isSilent
      ? { ok: false, error: `GET http://127.0.0.1:26657/status: no answer within 1000 ms` }
      : { ok: true, value: { version: '1.1.0', height, peers: nodeCount - 1 } },
    metrics: {
      ok: true,
      value: {
        exposed: ['requests_total', 'queue_length', 'resident_bytes'],
        samples: [
          { name: 'requests_total', labels: { code: '200' }, value: slot * 250 + 1000 },
          { name: 'requests_total', labels: { code: '503' }, value: 0 },
          { name: 'queue_length', labels: {}, value: slot % 50 },
          { name: 'resident_bytes', labels: {}, value: 1.2e8 + (slot % 1000) * 1000 },
        ],
      },
    },
  };
}
