/**
 * What the links of the process lab cost the reference chain, and how long each fault takes from its injection to an effect that was seen,
 * and from its heal to a network that is whole.
 *
 *     node bench/faults.ts
 */
import { join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { readJsonFile } from '../src/core/files.ts';
import { waitFor } from '../src/core/wait.ts';
import type { CutRule, FaultAction } from '../src/lab/faults.ts';
import type { ProcessLab } from '../src/lab/process/alterable-lab.ts';
import { createProcessLab } from '../src/lab/process/process-lab.ts';
import type { Topology, TopologyNode } from '../src/topology/topology.ts';
import { median, timed } from './support/measure.ts';
import { benchProject, referenceReleases, type BenchProject } from './support/project.ts';
import { report, reportLimit } from './support/results.ts';

const pairs = 5;
const senders = 32;
const loadMs = 6000;
const rounds = 3;

interface Chain {
  project: BenchProject;
  lab: ProcessLab;
  nodes: TopologyNode[];
}

const proxied = await chainWith('proxy');
try {
  const direct = await chainWith('direct');
  try {
    await measureLinks(proxied, direct);
  } finally {
    await direct.project.remove();
  }
  await measureFaults(proxied);
} finally {
  await proxied.project.remove();
}

async function chainWith(links: 'proxy' | 'direct'): Promise<Chain> {
  const project = await benchProject([
    ...referenceReleases,
    'lab: process',
    `links: ${links}`,
    'nodes: { validator: 4 }',
  ]);
  await timed(project.seatrial('up', `stacks/${project.testnet}.yaml`), { cwd: project.root });
  const topology = await readJsonFile<Topology>(join(project.stateDir, 'topology.json'));
  if (!topology) throw new Error('up has left no topology');
  return { project, lab: createProcessLab({ topology, clock: systemClock }), nodes: topology.nodes };
}

/** Both chains run all the time; each is loaded in turn, and who goes first changes. */
async function measureLinks(subject: Chain, peer: Chain): Promise<void> {
  const ratios = { throughput: [] as number[], p99: [] as number[] };
  const seen = { subject: [] as Loaded[], peer: [] as Loaded[] };
  for (let pair = 0; pair <= pairs; pair++) {
    const order = pair % 2 === 0 ? (['subject', 'peer'] as const) : (['peer', 'subject'] as const);
    const results: Partial<Record<'subject' | 'peer', Loaded>> = {};
    for (const who of order) results[who] = await load(who === 'subject' ? subject : peer);
    const { subject: mine, peer: theirs } = results;
    // The first warms up.
    if (pair === 0 || !mine || !theirs) continue;
    seen.subject.push(mine);
    seen.peer.push(theirs);
    ratios.throughput.push(mine.perSecond / theirs.perSecond);
    ratios.p99.push(mine.p99Ms / theirs.p99Ms);
  }
  const figures = (of: Loaded[], what: keyof Loaded): string => median(of.map((one) => one[what])).toFixed(0);
  const how = `${senders} senders that wait for each commit, ${loadMs / 1000} s at a time, clients over their links as well; median of ${pairs} interleaved pairs`;
  const loss = 1 - median(ratios.throughput);
  reportLimit('Process lab: throughput lost to the links', loss * 100, 10, {
    unit: '%',
    measured: `${(loss * 100).toFixed(1)} % (${figures(seen.subject, 'perSecond')} and ${figures(seen.peer, 'perSecond')} transactions/s)`,
    how,
  });
  const slower = median(ratios.p99);
  reportLimit('Process lab: p99 of a commit with links', slower, 1.1, {
    unit: '× direct',
    measured: `${slower.toFixed(2)} × (${figures(seen.subject, 'p99Ms')} and ${figures(seen.peer, 'p99Ms')} ms)`,
    how,
    explanation: 'With both cores busy a message waits for the proxy’s turn as well as for the nodes’.',
  });
}

interface Loaded {
  perSecond: number;
  p99Ms: number;
}

async function load({ lab, nodes }: Chain): Promise<Loaded> {
  const endMs = performance.now() + loadMs;
  const latencies: number[] = [];
  const send = async (sender: number): Promise<void> => {
    const node = nodes[sender % nodes.length] as TopologyNode;
    const url = `${lab.clientEndpoint?.(node, 'http')}/tx?wait=commit&timeoutMs=5000`;
    for (let sequence = 0; performance.now() < endMs; sequence++) {
      const startMs = performance.now();
      const body = JSON.stringify({ key: `k${sender}`, value: String(sequence), nonce: crypto.randomUUID() });
      const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
      await answer.text();
      if (answer.status === 200) latencies.push(performance.now() - startMs);
    }
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: senders }, (_unused, sender) => send(sender)));
  const seconds = (performance.now() - startMs) / 1000;
  if (latencies.length < 200) throw new Error(`only ${latencies.length} transactions were committed`);
  const sorted = latencies.sort((a, b) => a - b);
  return { perSecond: latencies.length / seconds, p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN };
}

async function measureFaults({ lab, nodes }: Chain): Promise<void> {
  const victim = nodes[3] as TopologyNode;
  const others = nodes.filter((node) => node !== victim);
  const rules = others.flatMap(({ name: peer }) =>
    (['in', 'out'] as const).map((direction): CutRule => ({ direction, peer, verdict: 'drop' })),
  );
  const able = await lab.faults.capabilities();
  const isState = (state: string) => async (): Promise<boolean> => (await lab.observe(victim)).state === state;
  const isSeen = (id: string) => async (): Promise<boolean> =>
    (await lab.faults.inspect(victim, id)).state === 'injected';
  const cases: { action: FaultAction; acts(id: string): () => Promise<boolean> }[] = [
    { action: { kind: 'cut', rules }, acts: () => async () => (await answering(lab, victim)).peers === 0 },
    { action: { kind: 'pause' }, acts: () => isState('paused') },
    { action: { kind: 'down', signal: 'SIGKILL', data: 'keep' }, acts: () => isState('stopped') },
    { action: { kind: 'disk-full' }, acts: isSeen },
    { action: { kind: 'clock', offsetMs: 90_000 }, acts: isSeen },
    { action: { kind: 'cpu', share: 0.5 }, acts: isSeen },
    { action: { kind: 'config', path: Object.keys(victim.files)[0] ?? '' }, acts: () => isState('stopped') },
  ];
  await measureOnPairs(lab, nodes, victim, rules);
  for (const { action, acts } of cases) {
    const { kind } = action;
    if (able[kind] !== true) continue;
    const toEffect: number[] = [];
    const toHealed: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const id = `bench-${kind}-${round}`;
      await lab.faults.arm({ id, node: victim, action, ttlMs: 120_000 });
      toEffect.push(await until(() => lab.faults.inject(victim, id), acts(id)));
      toHealed.push(await until(() => lab.faults.heal(victim, id), isWhole(lab, nodes)));
    }
    report({
      figure: `Process lab: ${kind}, from injection to its effect, from heal to a whole chain`,
      measured: `${median(toEffect).toFixed(0)} ms, ${median(toHealed).toFixed(0)} ms`,
      how: `effect: seen at the node (for cut: it has no peer any more); whole: all nodes have all peers and the same height, give or take two; median of ${rounds}`,
    });
  }
}

/** Of the network as such: the lab's own connections between all pairs. */
async function measureOnPairs(
  lab: ProcessLab,
  nodes: TopologyNode[],
  victim: TopologyNode,
  rules: CutRule[],
): Promise<void> {
  const shape: FaultAction = {
    kind: 'shape',
    rules: nodes.filter((node) => node !== victim).map(({ name: peer }) => ({ peer, delayMs: 50 })),
  };
  const watch = await lab.faults.watchPairs(nodes);
  try {
    for (const action of [{ kind: 'cut', rules } satisfies FaultAction, shape]) {
      const toEffect: number[] = [];
      const toHealed: number[] = [];
      const look = async (isSo: (isBlocked: boolean, roundTripMs: number) => boolean): Promise<boolean> => {
        const probes = await watch.look({ timeoutMs: 200 });
        const own = probes.filter(({ from, to }) => from === victim.name || to === victim.name);
        return own.every(({ fresh, roundTripMs = 0 }) => isSo(fresh === 'blocked', roundTripMs));
      };
      for (let round = 0; round < rounds; round++) {
        const id = `bench-pairs-${action.kind}-${round}`;
        await lab.faults.arm({ id, node: victim, action, ttlMs: 120_000 });
        const acts = action.kind === 'cut' ? (isBlocked: boolean) => isBlocked : (_: boolean, ms: number) => ms >= 50;
        toEffect.push(
          await until(
            () => lab.faults.inject(victim, id),
            () => look(acts),
          ),
        );
        const isOver = (isBlocked: boolean, ms: number): boolean => !isBlocked && ms < 50;
        toHealed.push(
          await until(
            () => lab.faults.heal(victim, id),
            () => look(isOver),
          ),
        );
      }
      report({
        figure: `Process lab: ${action.kind} of all links of a node, seen on all its pairs, and its heal`,
        measured: `${median(toEffect).toFixed(0)} ms, ${median(toHealed).toFixed(0)} ms`,
        how: `new connections between all pairs, given 200 ms each; median of ${rounds}`,
      });
    }
  } finally {
    await watch.close();
  }
}

async function until(act: () => Promise<void>, isSo: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  await act();
  const attempt = async (): Promise<true | undefined> => ((await isSo()) ? true : undefined);
  await waitFor(attempt, { clock: systemClock, what: 'it to be seen', timeoutMs: 60_000, intervalMs: 10 });
  return performance.now() - startMs;
}

interface Answer {
  height: number;
  peers: number;
}

async function answering(lab: ProcessLab, node: TopologyNode): Promise<Answer> {
  const answer = await fetch(`${lab.endpoint(node, 'http')}/status`, { signal: AbortSignal.timeout(1000) });
  return (await answer.json()) as Answer;
}

function isWhole(lab: ProcessLab, nodes: TopologyNode[]): () => Promise<boolean> {
  return async () => {
    const seen = await Promise.all(nodes.map((node) => answering(lab, node)));
    const heights = seen.map(({ height }) => height);
    return seen.every(({ peers }) => peers === nodes.length - 1) && Math.max(...heights) - Math.min(...heights) <= 2;
  };
}
