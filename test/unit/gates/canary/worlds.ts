import type { Harm } from '../../../../src/gates/canary/harm.ts';
import { seededRandom } from '../../../../src/core/seeded-random.ts';

/** A network whose noise is not kind; everything that is left out is absent. */
export interface World {
  nodes: number;
  /** Mean share of bad events. */
  baseRate?: number;
  /** The first node, the one that is flagged, is always so many times as bad as the others. */
  slowness?: number;
  /** Memory of every node's own noise from block to block, 0 to below 1. */
  memory?: number;
  /** Standard deviation of the logarithm of a node's rate. */
  noise?: number;
  /** Chance that a block is one in which everybody is 20 times as bad. */
  burst?: number;
  /** Events in a block by node; default 2 000 each. */
  exposure?: readonly number[];
}

export const uglyWorlds: Record<string, Omit<World, 'nodes'>> = {
  'a calm network': { noise: 0.1 },
  'a node that is always the worst': { slowness: 5, noise: 0.2 },
  'noise that lasts for many blocks': { memory: 0.95, noise: 1 },
  'bursts that hit every node': { burst: 0.1, noise: 0.3 },
  'unequal exposure': { exposure: [300, 2000, 4000, 1500, 6000], noise: 0.3 },
  'errors so rare that most blocks have none': { baseRate: 0.0001 },
  'all of these at once': {
    slowness: 2,
    memory: 0.9,
    noise: 1,
    burst: 0.1,
    exposure: [300, 2000, 4000, 1500, 6000],
    baseRate: 0.003,
  },
};

export const nodeNames = (count: number): string[] => Array.from({ length: count }, (_, index) => `node-${index}`);

/** Harm by block. `harmOfFlag` multiplies the first node's rate where the flag is on. */
export function harmIn(
  world: World,
  isOnByBlock: readonly boolean[],
  seed: number,
  harmOfFlag = 1,
): Record<string, Harm>[] {
  const { baseRate = 0.01, slowness = 1, memory = 0, noise = 0, burst = 0, exposure = [] } = world;
  const random = seededRandom(seed, 1);
  const names = nodeNames(world.nodes);
  const levels = names.map(() => noise * normal(random));
  return isOnByBlock.map((isOn) => {
    const common = random() < burst ? 20 : 1;
    return Object.fromEntries(
      names.map((name, index) => {
        levels[index] = memory * (levels[index] ?? 0) + Math.sqrt(1 - memory ** 2) * noise * normal(random);
        const own = index === 0 ? slowness * (isOn ? harmOfFlag : 1) : 1;
        const rate = Math.min(1, baseRate * own * common * Math.exp(levels[index] ?? 0));
        const total = exposure[index] ?? 2000;
        return [name, { bad: Math.min(total, poisson(total * rate, random)), total }];
      }),
    );
  });
}

export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function poisson(mean: number, random: () => number): number {
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const limit = Math.exp(-mean);
  let product = random();
  let count = 0;
  while (product > limit) {
    product *= random();
    count++;
  }
  return count;
}

/** Share of seeded repetitions in which something happened. */
export function shareOf(repetitions: number, happens: (seed: number) => boolean): number {
  let count = 0;
  for (let seed = 1; seed <= repetitions; seed++) if (happens(seed)) count++;
  return count / repetitions;
}
