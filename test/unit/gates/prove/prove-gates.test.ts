import { expect, test } from 'vitest';
import { proveGates } from '../../../../src/gates/prove/prove-gates.ts';
import type { GateProof } from '../../../../src/gates/prove/proof.ts';
import type { GateCheck } from '../../../../src/spec/profile.ts';
import { gateWorld, type GateWorld, type GateWorldOptions } from '../../../helpers/gate-world.ts';

const errors: GateCheck = {
  name: 'errors',
  source: 'direct',
  condition: {
    kind: 'ratio',
    bad: { metric: 'requests_total', labels: { code: { matches: '5..' } } },
    total: { metric: 'requests_total' },
    max: 0.1,
  },
};
const queue: GateCheck = {
  name: 'queue',
  source: 'direct',
  condition: { kind: 'value', metric: { metric: 'queue_length' }, max: 100 },
};
const page =
  '# TYPE requests_total counter\nrequests_total{code="200"} 1000\n# TYPE queue_length gauge\nqueue_length 3\n';

async function prove(
  checks: readonly GateCheck[],
  options: Omit<GateWorldOptions, 'checks' | 'profile'> = {},
  spoil: (world: GateWorld) => void = () => undefined,
): Promise<GateProof> {
  const world = await gateWorld({ ...options, profile: { checks } });
  for (const { name } of world.topology.nodes) world.show(name, { metrics: page });
  spoil(world);
  const { topology, profile, lab, clock, transport } = world;
  return world.until(proveGates({ topology, profile, lab, clock, transport }));
}

test('every check of a sound gate turns in every bad world that is made for it', async () => {
  const proof = await prove([errors, queue]);
  expect(proof).toMatchObject({ verdict: 'proven', gate: 'smoke', slotMs: 500, unaltered: { kind: 'PASS' } });
  expect(proof.checks.map(({ check }) => check).sort()).toEqual(
    ['catch-up', 'errors', 'flap', 'identity', 'liveness', 'peers', 'progress', 'queue', 'quorum', 'same-hash'].concat(
      'version-claim',
    ),
  );
  for (const { check, isProven, worlds } of proof.checks) {
    expect([check, isProven]).toEqual([check, true]);
    expect(worlds.some(({ kind, outcome }) => kind === 'harm' && outcome === 'BAD')).toBe(true);
    for (const { slots, allowedSlots } of worlds) expect(slots).toBeLessThanOrEqual(allowedSlots);
  }
  const named = (check: string): string[] =>
    proof.checks.find((one) => one.check === check)?.worlds.map(({ world, outcome }) => `${world} ${outcome}`) ?? [];
  expect(named('errors')).toEqual([
    'error-burst/errors BAD',
    'metrics-lost/errors UNKNOWN',
    'not-a-number UNKNOWN',
    'exporter-killed UNKNOWN',
  ]);
  expect(named('queue')).toContain('value-above/queue BAD');
  expect(named('identity')).toEqual([
    'old-binary BAD',
    'other-flags BAD',
    'stopped BAD',
    'restarting BAD',
    'lab-silent UNKNOWN',
  ]);
});

test('only a check that allows a time of its own gets more than three slots', async () => {
  const proof = await prove([errors]);
  const longer = proof.checks.flatMap(({ check, worlds }) =>
    worlds.flatMap(({ world, allowedSlots }) => (allowedSlots > 3 ? [`${check} in ${world}: ${allowedSlots}`] : [])),
  );
  // 2 s of maxStallMs are four slots.
  expect(longer).toEqual(['progress in frozen-height: 7']);
});

test.each([
  [
    'a metric name that nobody exposes',
    { ...queue, condition: { kind: 'value', metric: { metric: 'queue_lenght' }, max: 100 } },
    'it never gave a known sample: empty: queue_lenght is absent',
  ],
  [
    'a limit that no value can pass',
    { ...queue, condition: { kind: 'value', metric: { metric: 'queue_length' }, max: Infinity } },
    'no bad world can turn it BAD: it has no limit that a value could pass',
  ],
  [
    'a ratio that may be one',
    { ...errors, name: 'queue', condition: { ...errors.condition, max: 1 } },
    'in error-burst/queue it was OK for 3 slots',
  ],
  [
    'a label that no series has',
    {
      ...errors,
      name: 'queue',
      condition: {
        ...errors.condition,
        bad: { metric: 'requests_total', labels: { status: { matches: '5..' } } },
      },
    },
    'error-burst/queue cannot be made of what the testnet exposes: no series of requests_total has a label status',
  ],
  [
    'a label value of another shape than the real ones',
    {
      ...errors,
      name: 'queue',
      condition: { ...errors.condition, bad: { metric: 'requests_total', labels: { code: '5xx' } } },
    },
    'error-burst/queue cannot be made of what the testnet exposes: requests_total has no code like "5xx": its values are like "200"',
  ],
])('a check with %s is not proven', async (_what, check, reason) => {
  const proof = await prove([errors, check as GateCheck]);
  expect(proof.verdict).toBe('not-proven');
  expect(proof.reason).toBe('not proven: queue');
  expect(proof.checks.filter(({ isProven }) => !isProven)).toMatchObject([{ check: 'queue', reason }]);
});

test('quantiles, numbers in JSON and errors in logs are shown their own worlds', async () => {
  const histogram = [
    '# TYPE latency_seconds histogram',
    'latency_seconds_bucket{le="0.1"} 5000',
    'latency_seconds_bucket{le="1"} 5000',
    'latency_seconds_bucket{le="+Inf"} 5000',
    'latency_seconds_sum 10',
    'latency_seconds_count 5000',
  ];
  const world = await gateWorld({
    profile: {
      logErrors: { matches: '"level":"error"', maxPerWindow: 2 },
      checks: [
        {
          name: 'latency',
          source: 'direct',
          condition: { kind: 'quantile', histogram: { metric: 'latency_seconds' }, quantile: 0.9, max: 0.5 },
        },
        {
          name: 'height',
          source: 'json',
          condition: { kind: 'json', port: 'http', path: '/status', pointer: '/height', min: 1, max: 1_000_000 },
        },
      ],
    },
  });
  for (const { name } of world.topology.nodes) world.show(name, { metrics: `${page}${histogram.join('\n')}\n` });
  const { topology, profile, clock, transport } = world;
  const logs: typeof world.lab.logs = async ({ name }) => [
    { node: name, atMs: clock.wallMs(), text: '{"level":"info","msg":"committed"}' },
  ];
  const lab = { ...world.lab, logs };
  const proof = await world.until(proveGates({ topology, profile, lab, clock, transport }));
  const worldsOf = (name: string): string[] =>
    proof.checks.find(({ check }) => check === name)?.worlds.map(({ world, outcome }) => `${world} ${outcome}`) ?? [];
  expect([proof.verdict, proof.reason]).toEqual(['proven', expect.any(String)]);
  expect(worldsOf('latency')).toContain('slow/latency BAD');
  expect(worldsOf('height')).toEqual([
    'value-above/height BAD',
    'value-below/height BAD',
    'answer-lost/height UNKNOWN',
  ]);
  expect(worldsOf('log-errors')).toEqual(['log-errors BAD', 'logs-gone UNKNOWN']);
});

test('an advisory check has to be proven as well', async () => {
  const proof = await prove([
    { ...queue, advisory: true, condition: { kind: 'value', metric: { metric: 'queue_length' } } },
  ]);
  expect(proof.verdict).toBe('not-proven');
  expect(proof.checks.find(({ check }) => check === 'queue')).toMatchObject({ advisory: true, isProven: false });
});

test('on a testnet that does not pass as it is, nothing is shown', async () => {
  const proof = await prove([errors], {}, (world) => world.show('node-2', { peers: 0 }));
  expect(proof).toMatchObject({ verdict: 'inconclusive', checks: [], unaltered: { kind: 'FAIL' } });
  expect(proof.reason).toBe(
    'the testnet as it is does not pass its gate, so nothing can be shown: peers of node-2: 0 peers, 3 are wanted',
  );
});

test('a node alone has neither peers nor others to compare with, and is proven without', async () => {
  const proof = await prove([errors], { nodeCount: 1, topology: { quorum: 'none' } });
  expect(proof.verdict).toBe('proven');
  const leftOut = proof.leftOut.map(({ name }) => name);
  expect(leftOut).toEqual(expect.arrayContaining(['catch-up', 'peers', 'same-hash', 'quorum']));
  expect(proof.checks.map(({ check }) => check)).not.toContain('peers');
});

test('proving changes nothing on the testnet', async () => {
  const world = await gateWorld({ profile: { checks: [errors] } });
  const { topology, profile, lab, clock } = world;
  const methods = new Set<string>();
  const transport: typeof world.transport = (request) => {
    methods.add(request.method);
    return world.transport(request);
  };
  const instances = async (): Promise<unknown[]> => Promise.all(topology.nodes.map((node) => lab.observe(node)));
  const before = await instances();
  await world.until(proveGates({ topology, profile, lab, clock, transport }));
  expect(await instances()).toEqual(before);
  expect([...methods]).toEqual(['GET']);
});

test('an abort ends the proof', async () => {
  const world = await gateWorld({ profile: { checks: [errors] } });
  const { topology, profile, lab, clock, transport } = world;
  const controller = new AbortController();
  const proof = proveGates({
    ...{ topology, profile, lab, clock, transport },
    signal: controller.signal,
    onProgress: (shown) => {
      if (shown === 2) controller.abort();
    },
  });
  await expect(world.until(proof)).rejects.toMatchObject({ code: 'aborted' });
});
