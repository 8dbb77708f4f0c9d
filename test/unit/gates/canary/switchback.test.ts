import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../src/core/seeded-random.ts';
import type { HarmByNode } from '../../../../src/gates/canary/harm.ts';
import { fewestSwitchbackBlocks } from '../../../../src/gates/canary/switchback-length.ts';
import { switchbackSchedule } from '../../../../src/gates/canary/switchback-schedule.ts';
import {
  judgeSwitchback,
  type SwitchbackInput,
  type SwitchbackVerdict,
} from '../../../../src/gates/canary/switchback-verdict.ts';
import { harmIn, nodeNames, shareOf, uglyWorlds, type World } from './worlds.ts';

const flagged = 'node-0';

describe('the schedule', () => {
  test('is the same for the same seed, and another for another', () => {
    const of = (seed: number) => switchbackSchedule({ seed, blocks: 40, blockMs: 60_000 });
    expect(of(7)).toEqual(of(7));
    const orders = [1, 2, 3, 4].map((seed) =>
      of(seed)
        .blocks.map(({ isOn }) => (isOn ? '1' : '0'))
        .join(''),
    );
    expect(new Set(orders).size).toBe(4);
  });

  test('has one block on and one off in every pair, and both orders', () => {
    const { blocks } = switchbackSchedule({ seed: 3, blocks: 200, blockMs: 60_000 });
    expect(blocks.map(({ index }) => index)).toEqual([...Array(200).keys()]);
    const firsts = blocks.filter(({ index }) => index % 2 === 0);
    for (const first of firsts) {
      expect(blocks[first.index + 1]?.pair).toBe(first.pair);
      expect(blocks[first.index + 1]?.isOn).toBe(!first.isOn);
    }
    const onFirst = firsts.filter(({ isOn }) => isOn).length;
    expect(onFirst).toBeGreaterThan(35);
    expect(onFirst).toBeLessThan(65);
  });

  test('lays blocks end to end and throws the first third of each away', () => {
    const { blocks } = switchbackSchedule({ seed: 1, blocks: 4, blockMs: 900 });
    expect(blocks.map(({ startMs, countFromMs, endMs }) => [startMs, countFromMs, endMs])).toEqual([
      [0, 300, 900],
      [900, 1200, 1800],
      [1800, 2100, 2700],
      [2700, 3000, 3600],
    ]);
  });

  test('is refused for blocks that do not make pairs, or of which nothing would count', () => {
    expect(() => switchbackSchedule({ seed: 1, blocks: 7, blockMs: 1000 })).toThrow('even number of blocks');
    expect(() => switchbackSchedule({ seed: 1, blocks: 0, blockMs: 1000 })).toThrow('at least 2; got 0');
    expect(() => switchbackSchedule({ seed: 1, blocks: 4, blockMs: 0 })).toThrow('a length in ms; got 0');
    expect(() => switchbackSchedule({ seed: 1, blocks: 4, blockMs: 9, discardShare: 1 })).toThrow('[0, 1)');
  });
});

describe('a switchback', () => {
  test('fails a flag that makes its node the worst', () => {
    const verdict = judged({ nodes: 4, noise: 0.2 }, { seed: 5, blocks: 40, harm: 4 });
    expect(verdict.verdict).toBe('fail');
    expect(verdict.eValue).toBeGreaterThan(100);
    expect(verdict.worst.hits).toBe(20);
    expect(verdict.reason).toMatch(
      /^node-0 was the worst in 20 of 20 on-blocks with harm, .* in 20 of 20 pairs \(e = /,
    );
  });

  test('passes a harmless flag, and says what it would have found', () => {
    const verdict = judged({ nodes: 4, noise: 0.2 }, { seed: 5, blocks: 40 });
    expect(verdict.verdict).toBe('pass');
    expect(verdict.detectable.text).toBe(
      'with a probability of 80 % a flag would have been found that makes its node the worst of 4 in 73 % of the ' +
        'on-blocks, and worse than without it in 94 % of the pairs',
    );
    expect(verdict.reason).toContain(verdict.detectable.text);
  });

  test('does not blame a node that is the worst whether the flag is on or off, and blames a flag that makes it worse', () => {
    const slow = { nodes: 4, noise: 0.1, slowness: 6 };
    const harmless = judged(slow, { seed: 9, blocks: 60 });
    expect(harmless.worst).toMatchObject({ hits: 30, count: 30 });
    expect(harmless.worst.eValue).toBeGreaterThan(1e6);
    expect(harmless.verdict).toBe('pass');
    expect(judged(slow, { seed: 9, blocks: 60, harm: 2 }).verdict).toBe('fail');
  });

  test('does not blame a flag that makes its node better, or worse without making it the worst', () => {
    expect(judged({ nodes: 4, noise: 0.1, slowness: 6 }, { seed: 9, blocks: 60, harm: 0.5 }).verdict).toBe('pass');
    const best = judged({ nodes: 4, noise: 0.05, slowness: 0.2 }, { seed: 9, blocks: 60, harm: 2 });
    expect(best.pairs.eValue).toBeGreaterThan(100);
    expect(best.worst.eValue).toBe(1);
    expect(best.verdict).toBe('pass');
  });

  test('is inconclusive while blocks are missing, yet fails as soon as the evidence is there, and stays failed', () => {
    const before = (blocks: number, harm: number) =>
      judged({ nodes: 4, noise: 0.1 }, { seed: 2, blocks: 60, harm, seen: blocks });
    expect(before(30, 1)).toMatchObject({ verdict: 'inconclusive' });
    expect(before(30, 1).reason).toMatch(/^30 of 60 blocks are over; /);
    expect(before(16, 5).verdict).toBe('inconclusive');
    for (const blocks of [18, 20, 31, 60]) expect(before(blocks, 5).verdict, `${blocks}`).toBe('fail');
  });

  test('is inconclusive when too few blocks were planned or had enough events', () => {
    expect(judged({ nodes: 4 }, { seed: 2, blocks: 16 })).toMatchObject({
      verdict: 'inconclusive',
      detectable: { text: '8 on-blocks and 8 pairs are too few to find any flag with a probability of 80 %' },
    });
    const quiet = judged({ nodes: 4, exposure: [19, 2000, 2000, 2000] }, { seed: 2, blocks: 40, harm: 9 });
    expect(quiet.verdict).toBe('inconclusive');
    expect(quiet.reason).toContain('too few blocks with enough events: 40 of 40 were left out');
    expect(quiet.blocks).toMatchObject({ on: 0, off: 0, pairs: 0 });
  });

  test('leaves out blocks of which a node is not known, and never counts them as harmless', () => {
    const input = inputFor({ nodes: 4 }, { seed: 4, blocks: 40, harm: 5 });
    const harmByBlock = input.harmByBlock.map((harm, index): HarmByNode | undefined => {
      if (index % 4 === 0) return undefined;
      if (index % 4 !== 1) return harm;
      return Object.fromEntries(Object.entries(harm ?? {}).filter(([node]) => node !== 'node-1'));
    });
    const verdict = judgeSwitchback({ ...input, harmByBlock });
    expect(verdict.blocks).toMatchObject({ seen: 40, leftOut: 20, pairs: 10, on: 10, off: 10 });
    expect(verdict.verdict).toBe('fail');
  });

  test('of a network in which nothing ever went bad passes without any evidence', () => {
    const verdict = judged({ nodes: 4, baseRate: 0 }, { seed: 4, blocks: 40 });
    expect(verdict).toMatchObject({ verdict: 'pass', eValue: 1, worst: { count: 0 }, pairs: { count: 0 } });
  });

  test('clears nobody on evidence that would do at the 5 % level', () => {
    const input = inputFor({ nodes: 4 }, { seed: 5, blocks: 60 });
    const harmByBlock = scripted(input, (pair) => ({ isWorst: true, isWorse: pair < 7 || pair % 2 === 0 }));
    const suspicious = judgeSwitchback({ ...input, harmByBlock });
    expect(suspicious.pairs.hits).toBe(7 + 11);
    expect(suspicious.eValue).toBeGreaterThan(20);
    expect(suspicious.eValue).toBeLessThan(100);
    expect(suspicious.verdict).toBe('inconclusive');
    expect(suspicious.reason).toMatch(/^the evidence against the flag is suspicious; /);
  });

  test('breaks ties with its seed alone, so that anyone gets the same verdict again', () => {
    const input = inputFor({ nodes: 3 }, { seed: 11, blocks: 40 });
    const equal = Object.fromEntries(input.nodes.map((node) => [node, { bad: 5, total: 100 }]));
    const tied = (seed: number) => judgeSwitchback({ ...input, seed, harmByBlock: input.harmByBlock.map(() => equal) });
    expect(tied(1)).toEqual(tied(1));
    const hits = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => tied(seed).worst.hits);
    expect(hits.reduce((sum, one) => sum + one) / (8 * 20)).toBeCloseTo(1 / 3, 1);
    expect(new Set(hits).size).toBeGreaterThan(1);
  });

  test('is refused without another node to compare with', () => {
    const input = inputFor({ nodes: 3 }, { seed: 1, blocks: 2 });
    expect(() => judgeSwitchback({ ...input, nodes: [flagged] })).toThrow('compares node-0 with other nodes');
    expect(() => judgeSwitchback({ ...input, nodes: ['node-1', 'node-2'] })).toThrow('compares node-0');
  });
});

describe('the length of a switchback', () => {
  test('is the fewest blocks that can pass', () => {
    const fewest = fewestSwitchbackBlocks() ?? NaN;
    expect(fewest).toBe(34);
    expect(judged({ nodes: 3 }, { seed: 1, blocks: fewest }).verdict).toBe('pass');
    expect(judged({ nodes: 3 }, { seed: 1, blocks: fewest - 2 }).verdict).toBe('inconclusive');
    expect(fewestSwitchbackBlocks({ mustDetect: 0.99 })).toBe(18);
    expect(fewestSwitchbackBlocks({ mustDetect: 0.5 })).toBeUndefined();
  });
});

const worlds = [3, 4, 5].flatMap((nodes) =>
  Object.entries(uglyWorlds).map(([name, world]) => ({ name, nodes, world })),
);

describe('a harmless flag is blamed in at most 5 % of all switchbacks, looked at after every block,', () => {
  test.each(worlds)('on $nodes nodes in a world with $name', ({ nodes, world }) => {
    // The peak of the evidence is what the best of all looks would have seen.
    const alarms = shareOf(400, (seed) => judged({ nodes, ...world }, { seed, blocks: 80 }).eValue >= 100);
    expect(alarms).toBeLessThanOrEqual(0.02);
  });

  test('and the comparison of pairs alone keeps to 5 % at e = 20, where "worst of N" alone would blame most slow nodes', () => {
    for (const name of ['a node that is always the worst', 'all of these at once']) {
      const verdicts = Array.from({ length: 400 }, (_, seed) =>
        judged({ nodes: 4, ...uglyWorlds[name] }, { seed, blocks: 80 }),
      );
      const share = (isSo: (one: SwitchbackVerdict) => boolean) => verdicts.filter(isSo).length / verdicts.length;
      expect(share(({ pairs }) => pairs.eValue >= 20)).toBeLessThanOrEqual(0.05);
      expect(share(({ pairs }) => pairs.eValue > 2)).toBeGreaterThan(0.05);
      expect(share(({ worst }) => worst.eValue >= 100)).toBeGreaterThan(0.3);
    }
  });
});

describe('a harmful flag is found', () => {
  test.each([3, 4, 5])(
    'in more than 95 % of switchbacks of 60 blocks on %i nodes when it triples the errors',
    (nodes) => {
      const found = shareOf(
        200,
        (seed) => judged({ nodes, noise: 0.3 }, { seed, blocks: 60, harm: 3 }).verdict === 'fail',
      );
      expect(found).toBeGreaterThan(0.95);
    },
  );

  test('in more than 80 % when the network is ugly and the flag makes its node ten times as bad', () => {
    const world = { nodes: 4, ...uglyWorlds['all of these at once'] };
    const found = shareOf(200, (seed) => judged(world, { seed, blocks: 120, harm: 10 }).verdict === 'fail');
    expect(found).toBeGreaterThan(0.8);
  });

  test('with at least the stated probability at the stated effect', () => {
    const stated = judged({ nodes: 4 }, { seed: 1, blocks: 60 }).detectable;
    const { worstShare = NaN, pairShare = NaN } = stated;
    const found = shareOf(1000, (seed) => {
      const input = inputFor({ nodes: 4 }, { seed, blocks: 60 });
      const random = seededRandom(seed, 77);
      const draw = () => ({ isWorst: random() < worstShare, isWorse: random() < pairShare });
      return judgeSwitchback({ ...input, harmByBlock: scripted(input, draw) }).verdict === 'fail';
    });
    expect(found).toBeGreaterThan(0.77);
    expect(found).toBeLessThan(0.95);
  });
});

interface Runs {
  seed: number;
  blocks: number;
  /** Factor of the flag on the flagged node's rate. */
  harm?: number;
  seen?: number;
  failAt?: number;
}

function inputFor(world: World, { seed, blocks, harm = 1, seen = blocks, failAt = 100 }: Runs): SwitchbackInput {
  const schedule = switchbackSchedule({ seed, blocks, blockMs: 60_000 });
  const isOn = schedule.blocks.map((block) => block.isOn);
  const harmByBlock = harmIn(world, isOn, seed + 1_000_000, harm).slice(0, seen);
  return { schedule, nodes: nodeNames(world.nodes), flagged, harmByBlock, seed, failAt };
}

function judged(world: World, runs: Runs): SwitchbackVerdict {
  return judgeSwitchback(inputFor(world, runs));
}

/** Blocks that say of each pair whether the flagged node is the worst when on, and worse than when off. */
function scripted(
  input: SwitchbackInput,
  draw: (pair: number) => { isWorst: boolean; isWorse: boolean },
): HarmByNode[] {
  const others = Object.fromEntries(['node-1', 'node-2', 'node-3'].map((node) => [node, { bad: 40, total: 1000 }]));
  const pairs = Array.from({ length: input.schedule.blocks.length / 2 }, (_, pair) => draw(pair));
  return input.schedule.blocks.map(({ isOn, pair }) => {
    const { isWorst = false, isWorse = false } = pairs[pair] ?? {};
    const bad = isOn ? (isWorst ? 60 : 20) : isWorse ? 1 : 900;
    return { [flagged]: { bad, total: 1000 }, ...others };
  });
}
