import { describe, expect, test } from 'vitest';
import { switchbackSchedule } from '../../../../src/gates/canary/switchback-schedule.ts';
import { judgeSwitchback } from '../../../../src/gates/canary/switchback-verdict.ts';
import { harmIn, nodeNames, shareOf, uglyWorlds, type World } from './worlds.ts';

/** The probability in a normal approximation that a sample from the first series is above one from the second by chance alone. */
function mannWhitney(first: readonly number[], second: readonly number[]): number {
  const all = [...first.map((value) => ({ value, own: 1 })), ...second.map((value) => ({ value, own: 0 }))];
  all.sort((one, other) => one.value - other.value);
  let ranks = 0;
  for (let start = 0; start < all.length;) {
    let end = start;
    let own = 0;
    while (end < all.length && all[end]?.value === all[start]?.value) own += all[end++]?.own ?? 0;
    ranks += own * ((start + 1 + end) / 2);
    start = end;
  }
  const [n, m] = [first.length, second.length];
  const above = ranks - (n * (n + 1)) / 2;
  const deviation = Math.sqrt((n * m * (n + m + 1)) / 12);
  return 1 - normalBelow((above - (n * m) / 2) / deviation);
}

/** Logistic approximation of the normal distribution (Bowling et al. 2009), right to 0.0002. */
function normalBelow(z: number): number {
  return 1 / (1 + Math.exp(-(0.07056 * z ** 3 + 1.5976 * z)));
}

const nominal = 0.02;
const samples = 240;

function bothIn(world: World, seed: number): { blamedByRanks: boolean; blamedBySwitchback: boolean } {
  const schedule = switchbackSchedule({ seed, blocks: samples, blockMs: 60_000 });
  // The flag does nothing.
  const harmByBlock = harmIn(
    world,
    schedule.blocks.map(() => false),
    seed,
  );
  const [flagged = '', ...others] = nodeNames(world.nodes);
  const seriesOf = (node: string) => harmByBlock.map((harm) => (harm[node]?.bad ?? NaN) / (harm[node]?.total ?? NaN));
  return {
    blamedByRanks: mannWhitney(seriesOf(flagged), others.flatMap(seriesOf)) < nominal,
    blamedBySwitchback:
      judgeSwitchback({ schedule, nodes: [flagged, ...others], flagged, harmByBlock, seed }).verdict === 'fail',
  };
}

describe('why series are not compared by Mann-Whitney', () => {
  test('it keeps to its nominal 2 % where every sample is independent and all nodes are alike', () => {
    const alarms = shareOf(300, (seed) => bothIn({ nodes: 4, noise: 0.5 }, seed).blamedByRanks);
    expect(alarms).toBeGreaterThan(0);
    expect(alarms).toBeLessThan(0.05);
  });

  test.each(['noise that lasts for many blocks', 'a node that is always the worst', 'all of these at once'])(
    'in a world with %s it blames a harmless flag many times as often, and the switchback does not',
    (name) => {
      const world = { nodes: 4, ...uglyWorlds[name] };
      const verdicts = Array.from({ length: 150 }, (_, seed) => bothIn(world, seed));
      const share = (key: 'blamedByRanks' | 'blamedBySwitchback') =>
        verdicts.filter((verdict) => verdict[key]).length / verdicts.length;
      expect(share('blamedByRanks')).toBeGreaterThan(0.25);
      expect(share('blamedBySwitchback')).toBeLessThanOrEqual(0.02);
    },
  );
});
