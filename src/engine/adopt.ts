import { messageOf, RefusedError, UsageError } from '../core/errors.ts';
import type { Lab, NodeObservation } from '../lab/lab.ts';
import type { BlockEvidence, ProbeClient, SystemProfile } from '../spec/profile.ts';
import type { Topology } from '../topology/topology.ts';

export interface AdoptInputs {
  topology: Topology;
  profile: Pick<SystemProfile, 'probe' | 'blockAt'>;
  lab: Lab;
  /** Asks a node, by its name. */
  client(node: string): ProbeClient;
  signal?: AbortSignal | undefined;
}

/**
 * Whether these nodes can be adopted: each of them answers, and shows that it is of the same chain as the others. Throws RefusedError naming those that
 * are not; nothing was touched.
 */
export async function requireAdoptable({ topology, profile, lab, client, signal }: AdoptInputs): Promise<void> {
  const { nodes } = topology;
  const looks = await Promise.allSettled(nodes.map((node) => lab.observe(node, { signal })));
  const problems = looks.flatMap((look, index) => problemOf(nodes[index]?.name ?? '', look));
  if (problems.length > 0) {
    throw new RefusedError('unsafe', `nothing was adopted: ${problems.join('; ')}`, { details: { problems } });
  }
  await requireOneChain({ topology, profile, client });
}

/** A chain of which a node has nothing yet cannot be told apart by it; the gate looks at its blocks later. */
async function requireOneChain({
  topology: { nodes },
  profile: { probe, blockAt },
  client,
}: Pick<AdoptInputs, 'topology' | 'profile' | 'client'>): Promise<void> {
  if (!blockAt) return;
  const told = await Promise.allSettled(nodes.map(({ name }) => probe(client(name))));
  const heights = told.map((status) => (status.status === 'fulfilled' ? status.value.height : undefined));
  const begun = nodes.filter((_node, index) => (heights[index] ?? 0) >= 1).map(({ name }) => name);
  if (begun.length === 0) return;
  const height = Math.min(...heights.flatMap((each) => (each !== undefined && each >= 1 ? each : [])));
  const blocks = await Promise.allSettled(begun.map((name) => blockAt(client(name), height)));
  const held = blocks.map((block) => (block.status === 'fulfilled' ? keyOf(block.value) : undefined));
  const known = held.filter((key) => key !== undefined);
  const [most] = [...Map.groupBy(known, (key) => key)].sort(([, a], [, b]) => b.length - a.length)[0] ?? [];
  const others = begun.filter((_name, index) => held[index] !== undefined && held[index] !== most);
  // Who says nothing does not agree.
  const silent = [
    ...nodes.flatMap(({ name }, index) => (heights[index] === undefined ? `${name} does not tell its height` : [])),
    ...begun.flatMap((name, index) =>
      held[index] === undefined ? `${name} does not tell its block at ${height}` : [],
    ),
  ];
  const problems = [
    ...(others.length === 0
      ? []
      : [
          `at height ${height} ${others.join(', ')} ${others.length === 1 ? 'holds' : 'hold'} another block than the rest, which is another chain`,
        ]),
    ...(silent.length === 0 ? [] : [`${silent.join(', ')}, and could be of another chain`]),
  ];
  if (problems.length === 0) return;
  throw new RefusedError('unsafe', `nothing was adopted: ${problems.join('; ')}`, {
    details: { height, nodes: others, silent },
  });
}

function problemOf(name: string, look: PromiseSettledResult<NodeObservation>): string[] {
  if (look.status === 'rejected') return [messageOf(look.reason)];
  const { state, identity, detail } = look.value;
  return state === 'running' && identity ? [] : [`${name}: ${detail ?? state}`];
}

function keyOf(block: BlockEvidence | undefined): string | undefined {
  return block && JSON.stringify(block.hashes);
}

/** Throws UsageError where the testnet is up already: what it is made of is not to be forgotten. */
export function requireNotUp(deployed: Topology | undefined): void {
  if (!deployed) return;
  const { testnet, lab } = deployed;
  throw new UsageError(
    `${testnet} is up already${lab === 'attached' ? '' : ` on the ${lab} lab`}; take it down first with: seatrial down ${testnet}`,
  );
}
