import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { gateProfile } from '../../../src/gates/profiles.ts';
import { replayGate, type ReplayResult } from '../../../src/gates/replay/replay-gate.ts';
import type { GateCheck, SystemProfile } from '../../../src/spec/profile.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { gateWorld } from '../../helpers/gate-world.ts';
import { PastPrometheus } from './past-prometheus.ts';

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
const names = ['node-0', 'node-1', 'node-2'];
const checks: GateCheck[] = [
  {
    name: 'errors',
    source: 'prometheus',
    condition: {
      kind: 'ratio',
      bad: { metric: 'requests_total', labels: { code: { matches: '5..' } } },
      total: { metric: 'requests_total' },
      max: 0.1,
    },
  },
  { name: 'alerts', source: 'alerts', critical: true, condition: { kind: 'alerts', names: ['QueueLong'] } },
];
const rules = `groups:
  - name: test
    rules:
      - alert: Watchdog
        expr: vector(1)
      - alert: QueueLong
        expr: queue_length > 100
`;

// apt-get install prometheus
describe.skipIf(!hasPrometheus)('the past, on a real Prometheus (skipped where no `prometheus` is on the PATH)', () => {
  let prometheus: PastPrometheus;
  let topology: Topology;
  let profile: SystemProfile;
  /** Wall times between which the history was of one kind. */
  const spans: Record<string, { fromMs: number; toMs: number }> = {};

  beforeAll(async () => {
    const world = await gateWorld({ nodeCount: 3, profile: { checks } });
    topology = { ...world.topology, testnet: 'past' };
    profile = world.profile;
    prometheus = await PastPrometheus.start('past', names, rules);
    await systemClock.sleep(4000);
    await live('good', 9000, () => undefined);
    await live('errors', 6000, () => {
      // More errors at every look, until this part of the history ends.
      const state = prometheus.states.get('node-1');
      if (state) state.errors = state.requests - 100;
    });
    await live('recovering', 6000, () => prometheus.set('node-1', { errors: 0, requests: 100 }));
    await live('alert', 5000, () => prometheus.set('node-2', { queue: 500 }));
    await live('unscraped', 9000, () => {
      prometheus.set('node-2', { queue: 3 });
      prometheus.set('node-0', { isDown: true });
    });
    // Queries look back from each slot by the scrape interval and a second.
    await systemClock.sleep(2500);
  }, 90_000);

  afterAll(() => prometheus[Symbol.asyncDispose]());

  test('a good time passes and stays good to its end', async () => {
    const result = await replay('good');
    expect(result.verdict).toMatchObject({ kind: 'PASS', weak: true });
    expect(result.verdict.reason).toMatch(/^passed after 3\.5 s and stayed good to the end$/);
    expect(result.verdict.checks.map(({ check, node, slots }) => [`${check} ${node}`, slots])).toEqual(
      names.flatMap((node) => [
        [`errors ${node}`, expect.stringMatching(/^\++$/)],
        [`alerts ${node}`, expect.stringMatching(/^\++$/)],
      ]),
    );
    expect(result.leftOut.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['identity', 'liveness', 'version-claim', 'progress', 'peers', 'same-hash', 'quorum']),
    );
  });

  test('errors that came after the gate had passed end it as a guard would', async () => {
    const fromMs = spans['good']?.fromMs ?? 0;
    const result = await replay('errors', { fromMs });
    expect(result.verdict).toMatchObject({ kind: 'FAIL', cause: 'bad-ratio' });
    expect(result.verdict.reason).toContain('errors of node-1');
    expect(result.passedAtMs).toBe(fromMs + 3500);
    expect(result.endedAtMs).toBeGreaterThan(spans['errors']?.fromMs ?? Infinity);
  });

  test('an alert that fired then is found in what Prometheus stored of it', async () => {
    const result = await replay('alert', { fromMs: (spans['alert']?.fromMs ?? 0) - 1000 });
    expect(result.verdict).toMatchObject({ kind: 'FAIL', cause: 'bad-ratio' });
    expect(result.verdict.reason).toContain('alerts of node-2');
    expect(result.verdict.reason).toContain('QueueLong');
  });

  test('only the nodes that are asked for are judged', async () => {
    const result = await replay('alert', { nodes: ['node-1'] });
    expect(result.nodes).toEqual(['node-1']);
    expect(new Set(result.verdict.checks.map(({ node }) => node))).toEqual(new Set(['node-1']));
    expect(result.verdict.kind).not.toBe('FAIL');
  });

  test('a time in which a node was not scraped holds: nobody knows what its clients saw', async () => {
    const fromMs = (spans['unscraped']?.fromMs ?? 0) + 3000;
    const result = await replay('unscraped', { fromMs });
    expect(result.verdict).toMatchObject({ kind: 'HOLD', cause: 'unknown-run' });
    expect(result.verdict.reason).toContain('of node-0');
    expect(result.verdict.reason).toContain('scrape-path');
  });

  test('a time before there was a Prometheus holds for want of data', async () => {
    const fromMs = (spans['good']?.fromMs ?? 0) - 3_600_000;
    const result = await replay('good', { fromMs, toMs: fromMs + 20_000 });
    expect(result.verdict).toMatchObject({ kind: 'HOLD' });
  });

  test('a time shorter than the window is inconclusive', async () => {
    const fromMs = spans['good']?.fromMs ?? 0;
    const result = await replay('good', { fromMs, toMs: fromMs + 2000 });
    expect(result.verdict).toMatchObject({ kind: 'INCONCLUSIVE', slots: 5 });
    expect(result.verdict.reason).toBe('the time asked for holds 5 slots, the gate needs 8');
  });

  test('the same time gives the same verdict again', async () => {
    const first = await replay('errors', { fromMs: spans['good']?.fromMs ?? 0 });
    expect(await replay('errors', { fromMs: spans['good']?.fromMs ?? 0 })).toEqual(first);
  });

  test('a time that has not come yet or ends before it begins is wrong use', async () => {
    const nowMs = systemClock.wallMs();
    await expect(replay('good', { fromMs: nowMs, toMs: nowMs + 60_000 })).rejects.toMatchObject({ code: 'usage' });
    await expect(replay('good', { fromMs: nowMs, toMs: nowMs - 1000 })).rejects.toMatchObject({ code: 'usage' });
  });

  test('a profile that asks Prometheus nothing has no past that could be judged', async () => {
    const silent = { ...profile, checks: [] };
    await expect(replay('good', { profile: silent })).rejects.toMatchObject({ code: 'unsupported' });
  });

  async function replay(span: string, given: Partial<Parameters<typeof replayGate>[0]> = {}): Promise<ReplayResult> {
    const { fromMs, toMs } = spans[span] ?? { fromMs: 0, toMs: 0 };
    const timings = gateProfile('smoke');
    const prometheusUrl = prometheus.url;
    return replayGate({ topology, profile, prometheusUrl, fromMs, toMs, timings, clock: systemClock, ...given });
  }

  /** Lets a part of the history happen. What was done at its beginning is only seen by the slots after the gate's offset. */
  async function live(name: string, durationMs: number, deed: () => void): Promise<void> {
    const fromMs = systemClock.wallMs();
    const untilMs = systemClock.monotonicMs() + durationMs;
    const turn = async (): Promise<true | undefined> => {
      deed();
      return systemClock.monotonicMs() >= untilMs ? true : undefined;
    };
    await waitFor(turn, { clock: systemClock, what: name, timeoutMs: durationMs + 5000, intervalMs: 250 });
    spans[name] = { fromMs, toMs: systemClock.wallMs() };
  }
});
