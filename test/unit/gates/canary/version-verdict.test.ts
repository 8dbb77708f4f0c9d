import { describe, expect, test } from 'vitest';
import type { ComparisonBin } from '../../../../src/gates/canary/comparison-bins.ts';
import { decideCanary, type CanaryVerdict } from '../../../../src/gates/canary/relative-verdict.ts';
import { ratioBounds, tellingBins } from '../../../../src/gates/canary/rate-ratio.ts';
import { compareVersions, judgeVersionCanary } from '../../../../src/gates/canary/version-verdict.ts';
import { comparedIn, incidentWorlds, type IncidentWorld } from './incident-worlds.ts';
import { shareOf } from './worlds.ts';

const day = 24;

interface Canary {
  seed: number;
  harm?: number;
  hoursBefore?: number;
  hours?: number;
  margin?: number;
}

function inputFor(
  world: IncidentWorld,
  { seed, harm = 1, hoursBefore = 2 * day, hours = 2 * day, margin = 2 }: Canary,
) {
  return {
    before: comparedIn(world, hoursBefore, 2 * seed),
    during: comparedIn(world, hours, 2 * seed + 1, harm),
    margin,
  };
}

const compared = (world: IncidentWorld, canary: Canary) => compareVersions(inputFor(world, canary));
const steady = { nodes: 4, perHour: 1 };

describe('a version canary', () => {
  test('fails when it errs five times as often as before, and says what was seen', () => {
    const verdict = judgeVersionCanary(inputFor(steady, { seed: 1, harm: 5 }));
    expect(verdict).toMatchObject({ verdict: 'fail', cause: 'harm' });
    expect(verdict.harmEValue).toBeGreaterThan(100);
    expect(verdict.reason).toMatch(
      /^the canary is worse than it was before: \d+ error episodes on the canary and \d+ beside it; rate relative to the others before: 0\.\d+ to \d\.\d; .* with a probability of 80 % a canary would have been found that is \d\.\d times as bad as before$/,
    );
  });

  test('passes when enough was seen to exclude the margin, and not before', () => {
    const world = { nodes: 4, perHour: 3 };
    const verdict = judgeVersionCanary(inputFor(world, { seed: 1, hoursBefore: 7 * day, hours: 7 * day }));
    expect(verdict).toMatchObject({ verdict: 'pass', cause: 'no-worse' });
    expect(verdict.detectable.times).toBeLessThan(2);
    expect(compared(world, { seed: 1, hoursBefore: 7 * day, hours: 3 })).toMatchObject({
      verdict: 'inconclusive',
      cause: 'undecided',
    });
  });

  test('is inconclusive with fewer than 20 episodes, however they are spread', () => {
    const few = (canary: number): ComparisonBin[] => Array.from({ length: canary }, (_, index) => bin(index, 1, 0));
    const { before } = inputFor(steady, { seed: 1, hoursBefore: 14 * day });
    const verdict = (episodes: number) => compareVersions({ before, during: few(episodes) });
    expect(verdict(19)).toMatchObject({ verdict: 'inconclusive', cause: 'too-few-episodes' });
    expect(verdict(19).harmEValue).toBeGreaterThan(100);
    expect(verdict(20)).toMatchObject({ verdict: 'fail', episodes: { during: { canary: 20, control: 0 } } });
  });

  test('is inconclusive when nothing is known of the period before', () => {
    const { during } = inputFor(steady, { seed: 1, harm: 5 });
    const verdict = judgeVersionCanary({ before: [], during });
    expect(verdict).toMatchObject({
      verdict: 'inconclusive',
      cause: 'not-calibrated',
      harmEValue: 1,
      noWorseEValue: 1,
    });
    expect(verdict.detectable).toEqual({
      power: 0.8,
      text: 'these episodes are too few to find any harm with a probability of 80 %',
    });
  });

  test('is inconclusive when the period before refutes itself', () => {
    const before = Array.from({ length: 400 }, (_, index) => (index < 200 ? bin(index, 0, 4) : bin(index, 4, 0)));
    expect(compareVersions({ before, during: before.slice(200) })).toMatchObject({ cause: 'unsteady-before' });
  });

  test('is not blamed for getting more of the traffic than before', () => {
    const bins = (seed: number, usage: number) =>
      comparedIn({ nodes: 4, perHour: 1, exposure: [usage, 1000, 1000, 1000] }, 7 * day, seed);
    const verdict = compareVersions({ before: bins(1, 500), during: bins(2, 3000) });
    expect(verdict.episodes.during.canary).toBeGreaterThan(verdict.episodes.before.canary * 4);
    expect(verdict.harmEValue).toBeLessThan(20);
    const unaware = bins(2, 3000).map((one) => ({ ...one, canary: { ...one.canary, exposure: 500 } }));
    expect(compareVersions({ before: bins(1, 500), during: unaware }).verdict).toBe('fail');
  });
});

const worlds = [3, 4, 5].flatMap((nodes) =>
  Object.entries(incidentWorlds).map(([name, world]) => ({ name, nodes, world })),
);

describe('a harmless version is blamed in at most 5 % of all canaries, looked at after every bin,', () => {
  test.each(worlds)('on $nodes nodes in a world with $name', ({ nodes, world }) => {
    const alarms = shareOf(150, (seed) => compared({ nodes, ...world }, { seed }).harmEValue >= 100);
    expect(alarms).toBeLessThanOrEqual(0.05);
  });
});

describe('a harmful version is passed in at most 5 % of all canaries', () => {
  test.each(Object.entries(incidentWorlds))('in a world with %s', (_name, world) => {
    const passed = shareOf(100, (seed) => compared({ nodes: 4, ...world }, { seed, harm: 2 }).noWorseEValue >= 40);
    expect(passed).toBeLessThanOrEqual(0.05);
  });
});

describe('power', () => {
  test('a version that is six times as bad is found in more than 80 % of canaries of two days', () => {
    expect(shareOf(100, (seed) => compared(steady, { seed, harm: 6 }).verdict === 'fail')).toBeGreaterThan(0.8);
  });

  test('a version that is as good as before is cleared in more than 80 % of canaries of a week with much to see', () => {
    const canary = { hoursBefore: 7 * day, hours: 7 * day };
    const cleared = shareOf(50, (seed) => compared({ nodes: 4, perHour: 3 }, { seed, ...canary }).verdict === 'pass');
    expect(cleared).toBeGreaterThan(0.8);
  });

  test.each([
    ['single errors', { nodes: 4, perHour: 1 }],
    ['incidents of several minutes', { nodes: 4, perHour: 1, meanMinutes: 4 }],
  ])('the stated effect is found with the stated probability in a world of %s', (_name, world) => {
    const { before, during } = inputFor(world, { seed: 3 });
    const times = judgeVersionCanary({ before, during }).detectable.times ?? NaN;
    expect(times).toBeGreaterThan(1.5);
    expect(times).toBeLessThan(8);
    const found = (harm: number) =>
      shareOf(150, (seed) => {
        const worse = comparedIn(world, 2 * day, seed + 5000, harm);
        return compareVersions({ before, during: worse }).harmEValue >= 100;
      });
    // More harm also makes more episodes than the figure counts with.
    expect(found(times)).toBeGreaterThan(0.75);
    expect(found(times / 2)).toBeLessThan(0.6);
  });
});

describe('the calibration', () => {
  test.each(Object.entries(incidentWorlds).filter(([, world]) => world.commonPerHour === undefined))(
    'excludes the true ratio on either side in at most 5 % of all periods in a world with %s',
    (_name, world) => {
      const truth = world.slowness ?? 1;
      const bounds = Array.from({ length: 150 }, (_, seed) =>
        ratioBounds(tellingBins(comparedIn({ nodes: 4, ...world }, 3 * day, seed + 9000)), 40),
      );
      expect(bounds.filter(({ lower }) => lower > truth).length / 150).toBeLessThanOrEqual(0.05);
      expect(bounds.filter(({ upper }) => upper < truth).length / 150).toBeLessThanOrEqual(0.05);
      // And says something: the bounds are finite, and drawn in.
      expect(bounds.filter(({ lower, upper }) => lower > truth / 20 && upper < truth * 20).length).toBeGreaterThan(130);
    },
  );
});

describe('the decision on a canary', () => {
  const say = (verdict: CanaryVerdict, reason: string) => ({ verdict, reason });

  test.each([
    ['pass', 'pass', 'pass'],
    ['pass', 'inconclusive', 'pass'],
    ['pass', 'fail', 'fail'],
    ['fail', 'pass', 'fail'],
    ['fail', 'inconclusive', 'fail'],
    ['fail', 'fail', 'fail'],
    ['inconclusive', 'pass', 'inconclusive'],
    ['inconclusive', 'inconclusive', 'inconclusive'],
    ['inconclusive', 'fail', 'fail'],
  ] as const)('with an SLO that says %s and a comparison that says %s is %s', (absolute, relative, expected) => {
    const { verdict, reason } = decideCanary(say(absolute, 'the SLO'), say(relative, 'the others'));
    expect(verdict).toBe(expected);
    expect(reason).toMatch(/the SLO|the others/);
  });

  test('tells which of both vetoed, and what could not tell', () => {
    expect(decideCanary(say('pass', 'the SLO'), say('fail', 'the others')).reason).toBe(
      'vetoed by the comparison: the others',
    );
    expect(decideCanary(say('pass', 'the SLO'), say('inconclusive', 'few')).reason).toContain('could not tell');
  });
});

function bin(index: number, canary: number, control: number): ComparisonBin {
  return {
    fromMs: index * 600_000,
    canary: { episodes: canary, exposure: 1000 },
    control: { episodes: control, exposure: 3000 },
  };
}
