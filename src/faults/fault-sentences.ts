import { catalogue } from './catalogue.ts';
import type { CompiledFault } from './compiled-fault.ts';
import type { CutFlow } from './reachability.ts';

/** More pairs than this are only counted. */
const MOST_PAIRS = 12;

/** What a plan says of a fault, for people. */
export function sentencesOf(
  { spec, leases, quorum, cutFromClients, flapMs }: CompiledFault,
  cuts: readonly CutFlow[],
): string[] {
  const { kind, targets, parameters, durationMs } = spec;
  const entry = catalogue[kind];
  const settings = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  const what = [entry.title, ...(settings.length > 0 ? [`(${settings.join(' ')})`] : [])].join(' ');
  const on = targets.length > 0 ? ` on ${targets.join(', ')}` : '';
  const sentences = [`${what}${on}${durationMs > 0 ? ` for ${durationMs / 1000} s` : ''}`];

  const { nodeCount, totalPower, neededPower, rule, groups, seeQuorum, outcome } = quorum;
  sentences.push(
    neededPower === 0
      ? `${nodeCount} nodes; the system needs no quorum`
      : `${nodeCount} nodes with ${totalPower} voting power, of which ${neededPower} is needed (${rule})`,
  );
  for (const { nodes, power, keepsQuorum } of groups) {
    const reach = nodes.length > 1 ? `${nodes.join(', ')} reach each other` : `${nodes.join('')} is alone`;
    const keeps = neededPower === 0 ? '' : `: ${power} of ${totalPower}, ${keepsQuorum ? 'a quorum' : 'no quorum'}`;
    sentences.push(`${reach}${keeps}`);
  }
  sentences.push(...pairSentences(quorum, cuts));
  if (cutFromClients.length > 0) sentences.push(`clients do not reach ${cutFromClients.join(', ')}`);
  const unseen = cuts.filter(({ from }) => from === 'monitoring').map(({ to }) => to);
  if (unseen.length > 0) sentences.push(`monitoring does not reach ${unseen.join(', ')}`);
  if (neededPower > 0) {
    sentences.push(
      outcome === 'goes-on'
        ? `the system goes on: ${seeQuorum.join(', ')} ${seeQuorum.length > 1 ? 'see' : 'sees'} a quorum`
        : outcome === 'halts'
          ? 'the system halts while it acts'
          : 'the system may halt while it acts: a quorum is reached through others only',
    );
  }
  if (flapMs !== undefined) sentences.push(`it comes and goes, ${flapMs / 1000} s each`);
  if (entry.costsData) sentences.push(`the data of ${targets.join(', ')} does not come back with the heal`);
  const where = leases.map(({ node }) => node.name).join(', ');
  const ttlMs = leases[0]?.ttlMs ?? 0;
  sentences.push(
    `armed on ${where}; left alone it ends there by itself ${ttlMs / 1000} s after it was armed or last extended`,
  );
  sentences.push(`shown by: ${entry.effectProof}`, `healed means: ${entry.healProof}`);
  return sentences;
}

/** Pairs of one group that do not reach each other directly, and those that hear each other one way only. */
function pairSentences({ groups, oneWayPairs }: CompiledFault['quorum'], cuts: readonly CutFlow[]): string[] {
  const groupOf = new Map(groups.flatMap(({ nodes }, index) => nodes.map((name) => [name, index] as const)));
  const isOneWay = (from: string, to: string): boolean => oneWayPairs.some(([a, b]) => a === from && b === to);
  const apart = cuts.filter(
    ({ from, to }) =>
      from < to &&
      groupOf.has(from) &&
      groupOf.get(from) === groupOf.get(to) &&
      !isOneWay(from, to) &&
      !isOneWay(to, from),
  );
  const sentences: string[] = [];
  if (apart.length > 0) {
    const listed = apart.slice(0, MOST_PAIRS).map(({ from, to }) => `${from} and ${to}`);
    sentences.push(`not directly: ${listed.join('; ')}${more(apart.length)}`);
  }
  if (oneWayPairs.length > 0) {
    const listed = oneWayPairs.slice(0, MOST_PAIRS).map(([from, to]) => `${from} → ${to}`);
    sentences.push(`one way only: ${listed.join(', ')}${more(oneWayPairs.length)}`);
  }
  return sentences;
}

function more(count: number): string {
  return count > MOST_PAIRS ? ` and ${count - MOST_PAIRS} more` : '';
}
