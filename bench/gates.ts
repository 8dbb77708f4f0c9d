/**
 * CPU time that one slot of a gate over 50 nodes with 10 checks each costs, against the limit of 10 ms. The nodes are fake: what
 * is measured is reading their metric pages and judging them, not the network.
 *
 *     node bench/gates.ts
 */
import { GateJudge, type GateInput } from '../src/gates/gate-judge.ts';
import { gateProfile } from '../src/gates/profiles.ts';
import { parsePrometheusText } from '../src/gates/prometheus-text.ts';
import type { NodeReading, SlotReading } from '../src/gates/readings.ts';
import { slotFacts, type NetworkFacts } from '../src/gates/slot-facts.ts';
import { supportedChecks } from '../src/gates/supported-checks.ts';
import type { MetricCheck, SystemProfile } from '../src/spec/profile.ts';
import { reportLimit } from './support/results.ts';

const nodeCount = 50;
const checksPerNode = 10;
const limitMs = 10;
const warmUpSlots = 200;
const measuredSlots = 2000;

const names = Array.from({ length: nodeCount }, (_, index) => `node-${index}`);
const checks: MetricCheck[] = [
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
];
const profile: SystemProfile = {
  name: 'bench',
  title: 'Fifty fake nodes',
  roles: {},
  quorum: 'bft',
  command: () => [],
  runtime: { command: [], image: '' },
  stop: { signal: 'SIGTERM', graceMs: 0 },
  liveness: { port: 'http', path: '/health' },
  probe: async () => ({}),
  blockAt: async () => undefined,
  metrics: { port: 'http', path: '/metrics' },
  checks,
  progress: { maxStallMs: 10_000, maxLag: 5, minPeers: (count) => count - 1 },
};
const network: NetworkFacts = {
  testnet: 'bench',
  nodes: names.map((name) => ({ name, votingPower: 1 })),
  quorum: 'bft',
  availability: 'keep',
};
const input: GateInput = {
  gateId: 'bench',
  kind: 'guard',
  profile: gateProfile('standard'),
  network,
  nodes: names.map((name) => ({
    name,
    intended: { version: '1.0.0', digests: ['sha256:a'], command: ['--id', name], generation: 'g' },
  })),
  hasPrometheus: false,
  watchesQuorum: true,
  startedAtMs: 0,
  startedMonoMs: 0,
};

const perNode = supportedChecks(profile, { network, hasPrometheus: false, windowMs: 300_000 }).checks.filter(
  ({ isNetworkWide }) => !isNetworkWide,
).length;
if (perNode !== checksPerNode) throw new Error(`the bench has ${perNode} checks a node, ${checksPerNode} are meant`);

const judge = new GateJudge(input, profile);
const wanted = new Set(['requests_total', 'queue_length', 'resident_bytes']);
let page = metricsPage(0);
runSlots(0, warmUpSlots);
const parsing = measure(() => {
  for (let slot = 0; slot < measuredSlots; slot++) {
    page = metricsPage(slot);
    for (let node = 0; node < nodeCount; node++) parsePrometheusText(page, wanted);
  }
});
const slots = Array.from({ length: measuredSlots }, (_, index) => readingOf(warmUpSlots + index));
const judging = measure(() => {
  for (const slot of slots) push(slot);
});

const perSlotMs = (parsing + judging) / measuredSlots;
process.stdout.write(
  `gate over ${nodeCount} nodes × ${checksPerNode} checks, ${measuredSlots} slots, CPU time per slot:\n` +
    `  parsing ${nodeCount} metric pages of ${page.length} bytes  ${(parsing / measuredSlots).toFixed(3)} ms\n` +
    `  judging                                ${(judging / measuredSlots).toFixed(3)} ms\n` +
    `  together                               ${perSlotMs.toFixed(3)} ms = ${(perSlotMs / limitMs).toFixed(3)} × the limit of ${limitMs} ms\n`,
);
reportLimit(`Gate over ${nodeCount} fake nodes × ${checksPerNode} checks: CPU time per slot`, perSlotMs, limitMs, {
  unit: 'ms',
  measured: `${perSlotMs.toFixed(2)} ms`,
  how: `reading the metric pages and judging them, mean of ${measuredSlots} slots`,
});

function runSlots(from: number, count: number): void {
  for (let slot = from; slot < from + count; slot++) push(readingOf(slot));
}

function push(reading: SlotReading): void {
  const decision = judge.push(reading, slotFacts(reading, network));
  if (decision.kind !== 'continue') throw new Error(`the bench's nodes are meant to be healthy: ${decision.reason}`);
}

/** CPU time of this process in ms. */
function measure(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const used = process.cpuUsage(before);
  return (used.user + used.system) / 1000;
}

function readingOf(slot: number): SlotReading {
  const metrics = { ok: true, value: parsePrometheusText(metricsPage(slot), wanted) } as const;
  const node = (name: string): NodeReading => ({
    observation: {
      ok: true,
      value: {
        node: name,
        state: 'running',
        identity: {
          digest: 'sha256:a',
          command: ['--id', name],
          generation: 'g',
          startedAtMs: -1_000_000,
          instance: `${name}:1`,
          pid: 1,
        },
      },
    },
    liveness: { ok: true },
    status: { ok: true, value: { version: '1.0.0', height: slot, peers: nodeCount - 1 } },
    metrics,
  });
  return {
    slot,
    atMs: slot * 5000,
    monoMs: slot * 5000,
    leftOut: [],
    nodes: Object.fromEntries(names.map((name) => [name, node(name)])),
    blocks: [
      {
        height: slot,
        nodes: Object.fromEntries(
          names.map((name) => [
            name,
            { ok: true, value: { height: slot, hashes: { block: `b${slot}`, app: `a${slot}` } } } as const,
          ]),
        ),
      },
    ],
  };
}

/** About what a real node exposes: the wanted families among a hundred others. */
function metricsPage(slot: number): string {
  const others = Array.from(
    { length: 100 },
    (_, index) => `# TYPE other_${index} gauge\nother_${index}{kind="some",path="/a/b"} ${index}\n`,
  ).join('');
  return (
    others +
    `# TYPE requests_total counter\nrequests_total{code="200"} ${slot * 100 + 100}\nrequests_total{code="503"} 0\n` +
    `# TYPE queue_length gauge\nqueue_length ${slot % 50}\n# TYPE resident_bytes gauge\nresident_bytes 1e8\n`
  );
}
