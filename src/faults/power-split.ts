import type { WeighedNode } from './reachability.ts';

/** Up to this total the best split is found; beyond it a good one. */
const EXACT_POWER = 20_000;

/**
 * Voters whose power together comes as near to `limit` as it can without passing it. Of equally good choices one of later nodes is
 * taken, always the same.
 */
export function heaviestWithin(voters: readonly WeighedNode[], limit: number): WeighedNode[] {
  const isExact = limit <= EXACT_POWER && voters.every(({ power }) => Number.isInteger(power));
  return isExact ? exact(voters.toReversed(), limit) : greedy(voters.toReversed(), limit);
}

/** Subset sums, each with the voter that reached it first. */
function exact(voters: readonly WeighedNode[], limit: number): WeighedNode[] {
  const reached = new Map<number, WeighedNode | undefined>([[0, undefined]]);
  for (const voter of voters) {
    for (const sum of [...reached.keys()]) {
      const next = sum + voter.power;
      if (next <= limit && !reached.has(next)) reached.set(next, voter);
    }
  }
  const chosen: WeighedNode[] = [];
  let sum = Math.max(...reached.keys());
  for (let voter = reached.get(sum); voter !== undefined; voter = reached.get(sum)) {
    chosen.push(voter);
    sum -= voter.power;
  }
  return chosen.toReversed();
}

function greedy(voters: readonly WeighedNode[], limit: number): WeighedNode[] {
  const chosen: WeighedNode[] = [];
  let sum = 0;
  for (const voter of voters.toSorted((a, b) => b.power - a.power)) {
    if (sum + voter.power > limit) continue;
    chosen.push(voter);
    sum += voter.power;
  }
  return chosen;
}

/**
 * Nodes as they are counted for sizes: those without voting power are followers. Where nobody has any, all count alike.
 */
export function votersAndFollowers(nodes: readonly WeighedNode[]): { voters: WeighedNode[]; followers: WeighedNode[] } {
  if (nodes.every(({ power }) => power === 0)) {
    return { voters: nodes.map(({ name }) => ({ name, power: 1 })), followers: [] };
  }
  return { voters: nodes.filter(({ power }) => power > 0), followers: nodes.filter(({ power }) => power === 0) };
}

/** Each follower goes to the side that has the fewest nodes by then, the first of several, so that every side shows what followers see. */
export function dealFollowers(sides: readonly (readonly string[])[], followers: readonly WeighedNode[]): string[][] {
  const dealt = sides.map((side) => [...side]);
  for (const { name } of followers) {
    const smallest = dealt.reduce((best, side) => (side.length < best.length ? side : best));
    smallest.push(name);
  }
  return dealt;
}
