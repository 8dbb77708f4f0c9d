import { describe, expect, test } from 'vitest';
import type { BlockTss } from '../../../node/chain.ts';
import { ShareCollector } from '../../../node/share-collector.ts';
import type { ShareMessage } from '../../../node/share-collector.ts';
import { dealt } from './dealt-key.ts';

const { group, secrets } = dealt(4);
const [first, second, third, fourth] = group.ids as [string, string, string, string];
const block = 'b'.repeat(64);

interface World {
  readonly collector: ShareCollector;
  readonly rejected: string[];
}

function collectorOf(id: string, isOn = true): World {
  const rejected: string[] = [];
  const collector = new ShareCollector({
    ...{ id, group, chainId: 'test', secret: secrets[id] ?? null, distort: null },
    isOn: () => isOn,
    rejected: (validator, height) => rejected.push(`${validator} at ${height}`),
  });
  collector.advance(5);
  return { collector, rejected };
}

function shareOf(id: string, height = 5, of = block): ShareMessage {
  const { collector } = collectorOf(id);
  const share = collector.contribute(height, of);
  if (share === null) throw new Error('no share');
  return share;
}

/** What a collector makes of the shares of these validators. */
function evidenceOf(...ids: readonly string[]): BlockTss {
  const { collector } = collectorOf(first);
  for (const id of ids) collector.receive(id, shareOf(id));
  const evidence = collector.evidence(5, block);
  if (evidence === null) throw new Error('no evidence');
  return evidence;
}

test('A validator that is off, or has no secret, gives no share', () => {
  expect(collectorOf(first, false).collector.contribute(5, block)).toBeNull();
  expect(collectorOf('follower').collector.contribute(5, block)).toBeNull();
  expect(collectorOf(first).collector.contribute(5, block)).toMatchObject({ type: 'share', height: 5, block });
});

test('The next block carries the shares in the members’ order, and the same signature whoever the signers are', () => {
  const two = evidenceOf(third, first);
  expect(two.shares.map(({ validator }) => validator)).toEqual([first, third]);
  expect(two.signature).toBeUndefined();
  const signatures = [evidenceOf(first, second, third), evidenceOf(fourth, second, third), evidenceOf(...group.ids)];
  expect(signatures[0]?.signature).toMatch(/^[0-9a-f]{96}$/);
  expect(new Set(signatures.map(({ signature }) => signature)).size).toBe(1);
});

test('A share counts as its sender’s: another’s, one for another block and no point at all are dropped and told', () => {
  const { collector, rejected } = collectorOf(first);
  collector.receive(first, shareOf(first));
  collector.receive(second, shareOf(third));
  collector.receive(third, { ...shareOf(third, 5, 'c'.repeat(64)), block });
  collector.receive(fourth, { ...shareOf(fourth), share: 'ff' });
  expect(collector.evidence(5, block)?.shares.map(({ validator }) => validator)).toEqual([first]);
  expect(rejected.sort()).toEqual([`${second} at 5`, `${third} at 5`, `${fourth} at 5`]);
  // Found out once; a later look neither checks nor tells again.
  expect(collector.evidence(5, block)?.shares).toHaveLength(1);
  expect(rejected).toHaveLength(3);
});

test('A share for another block than the decided one is left aside, and is no offence', () => {
  const { collector, rejected } = collectorOf(first);
  collector.receive(second, shareOf(second, 5, 'c'.repeat(64)));
  collector.receive(third, shareOf(third));
  expect(collector.evidence(5, block)?.shares.map(({ validator }) => validator)).toEqual([third]);
  expect(rejected).toEqual([]);
});

test('Strangers, heights long past and heights far ahead are not kept', () => {
  const { collector } = collectorOf(first);
  collector.receive('stranger', shareOf(second));
  for (const height of [4, 8, 1_000_000]) {
    collector.receive(second, shareOf(second, height));
    expect(collector.evidence(height, block)).toBeNull();
  }
  expect(collector.evidence(5, block)).toBeNull();
  collector.receive(second, shareOf(second, 7));
  collector.advance(7);
  expect(collector.evidence(7, block)?.shares).toHaveLength(1);
  collector.advance(8);
  expect(collector.evidence(7, block)).toBeNull();
});

describe('a proposed block', () => {
  const judge = (evidence: BlockTss, height = 5): boolean =>
    collectorOf(fourth).collector.isValid(height, block, evidence);
  const two = evidenceOf(first, second);
  const three = evidenceOf(first, second, third);
  const other = evidenceOf(second, third, fourth);

  test('is accepted with good shares, with and without enough for the signature', () => {
    expect([judge(two), judge(three), judge(other)]).toEqual([true, true, true]);
  });

  const [a, b, c] = three.shares as [BlockTss['shares'][0], BlockTss['shares'][0], BlockTss['shares'][0]];
  const signature = three.signature ?? '';
  test.each<[string, BlockTss]>([
    ['no share at all', { shares: [] }],
    ['shares out of order', { shares: [b, a, c], signature }],
    ['a share twice', { shares: [a, a, c], signature }],
    ['a stranger’s share', { shares: [a, { ...b, validator: 'stranger' }] }],
    ['a share in another’s name', { shares: [a, { ...b, share: a.share }] }],
    ['a share that is no point', { shares: [a, { ...b, share: 'ff' }] }],
    ['no signature where one is due', { shares: [a, b, c] }],
    ['a signature from too few shares', { shares: [a, b], signature }],
    ['a share in place of the signature', { shares: [a, b, c], signature: a.share }],
    ['a signature that is no point', { shares: [a, b, c], signature: 'ff' }],
  ])('is refused with %s', (_what, evidence) => {
    expect(judge(evidence)).toBe(false);
  });

  test('is judged by one who knows shares already as by one who does not', () => {
    const { collector } = collectorOf(fourth);
    for (const id of [first, second, third]) collector.receive(id, shareOf(id));
    expect(collector.evidence(5, block)).toEqual(three);
    const knows = (evidence: BlockTss): boolean => collector.isValid(5, block, evidence);
    expect([knows(three), knows(two), knows(other), knows(evidenceOf(...group.ids))]).toEqual([true, true, true, true]);
    expect(knows({ shares: [a, b, { ...c, share: b.share }], signature })).toBe(false);
    expect(knows({ shares: [a, b, { ...c, validator: fourth }], signature })).toBe(false);
    expect(knows({ shares: [a, b, c], signature: a.share })).toBe(false);
    expect(knows({ shares: [a, b, c] })).toBe(false);
    expect(knows({ shares: [a, b], signature })).toBe(false);
  });

  test('is refused with what was made for another height, also by one who knows it as good there', () => {
    const { collector } = collectorOf(fourth);
    expect(collector.isValid(5, block, three)).toBe(true);
    expect(collector.isValid(6, block, three)).toBe(false);
    expect(collector.isValid(5, 'c'.repeat(64), three)).toBe(false);
  });
});
