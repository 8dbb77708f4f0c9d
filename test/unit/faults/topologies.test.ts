import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RefusedError, UsageError } from '../../../src/core/errors.ts';
import { partitionTopologies, type PartitionTopology } from '../../../src/faults/catalogue.ts';
import { requireNamedProperty } from '../../../src/faults/named-property.ts';
import { heaviestWithin } from '../../../src/faults/power-split.ts';
import { neighbourhoods, quorumFacts, type CutFlow } from '../../../src/faults/reachability.ts';
import { cutFlows, type PartitionRequest } from '../../../src/faults/topologies.ts';
import type { QuorumRule } from '../../../src/spec/profile.ts';

function request(
  topology: PartitionTopology,
  powers: readonly number[],
  more: Partial<Omit<PartitionRequest, 'nodes'>> = {},
): PartitionRequest {
  const nodes = powers.map((power, index) => ({ name: `n${index}`, power }));
  return { topology, nodes, targets: [], rule: 'bft', ...more };
}

function groupsOf(asked: PartitionRequest): string[] {
  const cuts = cutFlows(asked);
  requireNamedProperty(asked, cuts);
  return quorumFacts({ nodes: asked.nodes, cuts, rule: asked.rule })
    .groups.map(({ nodes }) => nodes.join(' '))
    .sort();
}

function refusal(asked: PartitionRequest): RefusedError {
  try {
    groupsOf(asked);
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const equal = (count: number): number[] => Array.from({ length: count }, () => 1);

describe('a partition', () => {
  test('into halves is sized by voting power, not by count', () => {
    expect(groupsOf(request('halves', [3, 1, 1, 1]))).toEqual(['n0', 'n1 n2 n3']);
    expect(groupsOf(request('halves', equal(4)))).toEqual(['n0 n1', 'n2 n3']);
  });

  test('deals followers to the side with the fewest nodes', () => {
    expect(groupsOf(request('halves', [1, 1, 1, 1, 0, 0, 0]))).toEqual(['n0 n1 n4 n6', 'n2 n3 n5']);
    expect(groupsOf(request('halves', [3, 1, 1, 1, 0, 0]))).toEqual(['n0 n4 n5', 'n1 n2 n3']);
  });

  test('into halves is refused where a side keeps the quorum', () => {
    expect(refusal(request('halves', equal(5), { rule: 'majority' }))).toMatchObject({ code: 'unsupported' });
    const { message } = refusal(request('halves', [10, 1, 1, 1]));
    expect(message).toContain('none of them keeps a quorum');
    expect(message).toContain('n0 (10 of 13, keeps the quorum) | n1, n2, n3 (3 of 13)');
    expect(message).toContain('topology majority');
  });

  test('with a majority leaves the quorum to one side, against the largest minority', () => {
    expect(groupsOf(request('majority', equal(5), { rule: 'majority' }))).toEqual(['n0 n1 n2', 'n3 n4']);
    expect(groupsOf(request('majority', equal(4)))).toEqual(['n0 n1 n2', 'n3']);
    expect(groupsOf(request('majority', equal(4), { targets: ['n1'] }))).toEqual(['n0 n2 n3', 'n1']);
  });

  test('with a majority is refused where nobody can be spared, too many are named, or there is no quorum', () => {
    expect(refusal(request('majority', equal(3))).message).toContain('3 of 3 voting power is needed, bft');
    expect(refusal(request('majority', equal(4), { targets: ['n0', 'n1'] }))).toMatchObject({ code: 'unsupported' });
    expect(refusal(request('majority', equal(4), { rule: 'none' })).message).toContain('this one has none');
  });

  test('into groups takes sizes in voters, or names', () => {
    expect(groupsOf(request('groups', equal(5), { groups: '2|2|1' }))).toEqual(['n0 n1', 'n2 n3', 'n4']);
    expect(groupsOf(request('groups', equal(3), { groups: 'n2,n0|n1' }))).toEqual(['n0 n2', 'n1']);
    expect(groupsOf(request('groups', [1, 1, 0], { groups: '1|1' }))).toEqual(['n0 n2', 'n1']);
  });

  test.each([
    ['2|2', 'its sizes are above 0 and add up to 4, and the testnet has 5 voters'],
    ['5|0', 'its sizes are above 0'],
    ['n0,n1|n2,n3', 'groups leaves out n4'],
    ['n0,n1|n2,n3,n4,n1', 'groups names n1 twice'],
    ['n0,n1|n2,n3,nn4', 'groups names nn4, which is no node; did you mean n4?'],
  ])('into the groups %s is refused', (groups, message) => {
    expect(() => cutFlows(request('groups', equal(5), { groups }))).toThrow(message);
  });

  test('that isolates cuts each target from everybody, and never takes all', () => {
    expect(groupsOf(request('isolate', equal(4), { targets: ['n1', 'n3'] }))).toEqual(['n0 n2', 'n1', 'n3']);
    expect(refusal(request('isolate', equal(2), { targets: ['n0', 'n1'] })).code).toBe('unsupported');
    expect(() => cutFlows(request('isolate', equal(2)))).toThrow(UsageError);
  });

  test('with a bridge needs the bridge and a node on either side', () => {
    const asked = request('bridge', equal(5), { targets: ['n2'] });
    expect(groupsOf(asked)).toEqual(['n0 n1 n2 n3 n4']);
    const near = neighbourhoods(
      asked.nodes.map(({ name }) => name),
      cutFlows(asked),
    );
    expect(near.get('n2')?.size).toBe(5);
    expect([...(near.get('n0') ?? [])]).toEqual(['n0', 'n1', 'n2']);
    expect(() => cutFlows(request('bridge', equal(5)))).toThrow('needs one node, the bridge, and none is given');
    expect(refusal(request('bridge', equal(2), { targets: ['n0'] })).code).toBe('unsupported');
  });

  test('in a ring of majorities lets every node see its own quorum', () => {
    expect(groupsOf(request('majorities-ring', equal(5), { rule: 'majority' }))).toEqual(['n0 n1 n2 n3 n4']);
    expect(groupsOf(request('majorities-ring', equal(4)))).toEqual(['n0 n1 n2 n3']);
  });

  test.each([
    [equal(3), 'majority', 'of 3 nodes with 3 voting power every node must see 2 (majority)'],
    [equal(5), 'bft', 'of 5 nodes with 5 voting power every node must see 4 (bft)'],
    [equal(4), 'all', 'every node must see 4 (all)'],
  ] as const)('in a ring is refused as degenerate for %j under %s, with the numbers', (powers, rule, message) => {
    expect(refusal(request('majorities-ring', powers, { rule })).message).toContain(message);
  });

  test('in a chain links each node to those beside it, and needs three', () => {
    const asked = request('chain', equal(4), { targets: ['n3', 'n0', 'n1', 'n2'] });
    requireNamedProperty(asked, cutFlows(asked));
    const near = neighbourhoods(['n0', 'n1', 'n2', 'n3'], cutFlows(asked));
    expect([...(near.get('n0') ?? [])]).toEqual(['n0', 'n1', 'n3']);
    expect([...(near.get('n2') ?? [])]).toEqual(['n1', 'n2']);
    expect(refusal(request('chain', equal(2))).code).toBe('unsupported');
  });

  test('of a single link leaves a way round it', () => {
    expect(groupsOf(request('link', equal(3), { targets: ['n0', 'n2'] }))).toEqual(['n0 n1 n2']);
    expect(refusal(request('link', equal(2), { targets: ['n0', 'n1'] })).message).toContain('topology isolate');
  });

  test('one way is one ordered pair', () => {
    const cuts = cutFlows(request('one-way', equal(3), { targets: ['n2', 'n0'] }));
    expect(cuts).toEqual([{ from: 'n2', to: 'n0' }]);
  });

  test('of the deaf and the mute is one-sided, and no isolation of all', () => {
    const deaf = cutFlows(request('deaf', equal(3), { targets: ['n0'] }));
    expect(deaf).toEqual([
      { from: 'n1', to: 'n0' },
      { from: 'n2', to: 'n0' },
    ]);
    const mute = cutFlows(request('mute', equal(3), { targets: ['n0'] }));
    expect(mute.map(({ from }) => from)).toEqual(['n0', 'n0']);
    for (const topology of ['deaf', 'mute'] as const) {
      expect(groupsOf(request(topology, equal(4), { targets: ['n0', 'n1'] }))).toEqual(['n0', 'n1', 'n2 n3']);
      const all = refusal(request(topology, equal(2), { targets: ['n0', 'n1'] }));
      expect(all.message).toContain('topology alone');
    }
  });

  test('from clients or monitoring leaves the nodes to themselves', () => {
    for (const topology of ['clients', 'monitoring'] as const) {
      expect(groupsOf(request(topology, equal(3)))).toEqual(['n0 n1 n2']);
      expect(cutFlows(request(topology, equal(3), { targets: ['n1'] }))).toEqual([
        { from: topology, to: 'n1' },
        { from: 'n1', to: topology },
      ]);
    }
  });
});

const powersArbitrary = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 400 })), {
  minLength: 1,
  maxLength: 50,
});
const ruleArbitrary = fc.constantFrom<QuorumRule>('none', 'majority', 'bft', 'all');

describe('of 1 to 50 nodes with any power', () => {
  test('every topology is what its name says, checked node by node, or is refused', () => {
    const done = new Map<string, number>();
    fc.assert(
      fc.property(
        fc.constantFrom(...partitionTopologies),
        powersArbitrary,
        ruleArbitrary,
        fc.nat(),
        (topology, powers, rule, pick) => {
          const asked = requestFor(topology, powers, rule, pick);
          let cuts: CutFlow[];
          try {
            cuts = cutFlows(asked);
            requireNamedProperty(asked, cuts);
          } catch (error) {
            if (error instanceof RefusedError || error instanceof UsageError) return;
            throw error;
          }
          done.set(topology, (done.get(topology) ?? 0) + 1);
          checkByHand(asked, cuts);
        },
      ),
      { numRuns: 2000 },
    );
    // None is refused always.
    expect([...done.keys()].sort()).toEqual([...partitionTopologies].sort());
  });

  test('the lighter half is the heaviest choice that does not pass a half', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }), (powers) => {
        const voters = powers.map((power, index) => ({ name: `n${index}`, power }));
        const total = powers.reduce((sum, power) => sum + power, 0);
        const limit = Math.floor(total / 2);
        const got = heaviestWithin(voters, limit).reduce((sum, { power }) => sum + power, 0);
        let best = 0;
        for (let mask = 0; mask < 2 ** powers.length; mask++) {
          const sum = powers.reduce((all, power, index) => ((mask >> index) & 1 ? all + power : all), 0);
          if (sum <= limit) best = Math.max(best, sum);
        }
        expect(got).toBe(best);
      }),
      { numRuns: 100 },
    );
  });
});

function requestFor(topology: PartitionTopology, powers: number[], rule: QuorumRule, pick: number): PartitionRequest {
  const first = `n${pick % powers.length}`;
  const second = `n${(pick + 1) % powers.length}`;
  const pair = first === second ? [first] : [first, second];
  const wanted: Partial<Record<PartitionTopology, string[]>> = {
    isolate: [first],
    bridge: [first],
    link: pair,
    'one-way': pair,
    deaf: pair,
    mute: pair,
  };
  const voters = powers.filter((power) => power > 0).length || powers.length;
  return request(topology, powers, {
    rule,
    targets: wanted[topology] ?? [],
    ...(topology === 'groups' ? { groups: `1|${voters - 1}` } : {}),
  });
}

/** The named property once more, by walking the links instead of by the code under test. */
function checkByHand({ topology, nodes, rule, targets }: PartitionRequest, cuts: CutFlow[]): void {
  const names = nodes.map(({ name }) => name);
  const isCut = new Set(cuts.map(({ from, to }) => `${from}>${to}`));
  const linked = (a: string, b: string): boolean => !isCut.has(`${a}>${b}`) && !isCut.has(`${b}>${a}`);
  const total = nodes.reduce((sum, { power }) => sum + power, 0);
  const powerOf = (some: string[]): number =>
    nodes.reduce((sum, { name, power }) => (some.includes(name) ? sum + power : sum), 0);
  const isQuorum = (some: string[]): boolean => {
    const power = powerOf(some);
    return { none: true, majority: 2 * power > total, bft: 3 * power > 2 * total, all: power === total }[rule];
  };
  const groups: string[][] = [];
  for (const name of names) {
    if (groups.some((group) => group.includes(name))) continue;
    const group = [name];
    for (const one of group) group.push(...names.filter((peer) => !group.includes(peer) && linked(one, peer)));
    groups.push(group);
  }
  const quorums = groups.filter(isQuorum).length;
  switch (topology) {
    case 'halves':
      expect(groups).toHaveLength(2);
      if (rule !== 'none' && total > 0) expect(quorums).toBe(0);
      return;
    case 'majority':
      expect(groups).toHaveLength(2);
      expect(quorums).toBe(1);
      return;
    case 'alone':
      expect(groups).toHaveLength(names.length);
      return;
    case 'groups':
    case 'isolate':
      expect(groups).toHaveLength(2);
      return;
    case 'majorities-ring':
      for (const name of names) {
        const seen = names.filter((peer) => peer === name || linked(name, peer));
        expect(isQuorum(seen)).toBe(true);
        expect(seen.length).toBeLessThan(names.length);
      }
      return;
    case 'bridge':
    case 'chain':
    case 'link':
      expect(groups).toHaveLength(1);
      expect(cuts.length).toBeGreaterThan(0);
      return;
    case 'deaf':
    case 'mute':
      expect(groups).toHaveLength(targets.length + 1);
      return;
    case 'one-way':
      expect(cuts).toHaveLength(1);
      return;
    case 'clients':
    case 'monitoring':
      expect(groups).toHaveLength(1);
      expect(cuts.length).toBe(2 * names.length);
  }
}
