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
 * Whether these nodes can be adopted: each of them answers, and none is of another chain than the others. Throws RefusedError naming those that
 * are not; nothing was touched.
 */
export async function requireAdoptable({ topology, profile, lab, client, signal }: AdoptInputs): Promise<void> {
  const { nodes } = topology;
  const looks = await Promise.allSettled(nodes.map((node) => lab.observe(node, { signal })));
  const problems = looks.flatMap((look, index) => problemOf(nodes[index]?.name ?? '', look));
  if (problems.length > 0) {
    throw new RefusedError('unsafe', `nothing was adopted: ${problems.join('; ')}`, { details: { problems } });
  }
  const { blockAt } = profile;
  if (!blockAt) return;
  const told = await Promise.allSettled(nodes.map(({ name }) => profile.probe(client(name))));
  const heights = told.flatMap((status) => (status.status === 'fulfilled' ? (status.value.height ?? []) : []));
  const height = Math.min(...heights);
  // A chain that has not begun has nothing to be told apart by; the gate looks at its blocks later.
  if (!Number.isFinite(height) || height < 1) return;
  const blocks = await Promise.allSettled(nodes.map(({ name }) => blockAt(client(name), height)));
  const held = blocks.map((block) => (block.status === 'fulfilled' ? keyOf(block.value) : undefined));
  const counts = new Map<string, number>();
  for (const key of held) if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  const others = nodes.flatMap(({ name }, index) => (held[index] === undefined || held[index] === most ? [] : [name]));
  if (others.length === 0) return;
  throw new RefusedError(
    'unsafe',
    `nothing was adopted: at height ${height} ${others.join(', ')} ${others.length === 1 ? 'holds' : 'hold'} another block than the rest, which is another chain`,
    { details: { height, nodes: others } },
  );
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
