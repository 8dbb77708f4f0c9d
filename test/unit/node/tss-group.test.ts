import { bls12_381 } from '@noble/curves/bls12-381.js';
import { describe, expect, test } from 'vitest';
import { dealKey, thresholdOf } from '../../../node/tss-deal.ts';
import { ThresholdGroup, parseSignature, signatureHex } from '../../../node/tss-group.ts';
import { dealt } from './dealt-key.ts';

/** All choices of `size` out of these. */
function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) => subsets(items.slice(index + 1), size - 1).map((rest) => [item, ...rest]));
}

test('The threshold is the smallest number above two thirds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 10, 50].map(thresholdOf)).toEqual([1, 2, 3, 3, 4, 5, 5, 7, 34]);
});

test('A dealt key has a secret for each member, fits it, and is never dealt twice', () => {
  const first = dealKey(['a', 'b']);
  const group = new ThresholdGroup(first.group);
  expect(Object.keys(first.secrets)).toEqual(['a', 'b']);
  expect([group.owns('a', first.secrets['a'] ?? ''), group.owns('b', first.secrets['a'] ?? '')]).toEqual([true, false]);
  expect(dealKey(['a', 'b']).group.publicKey).not.toBe(first.group.publicKey);
  expect(JSON.stringify(first.group)).not.toContain(first.secrets['a']);
  expect(() => dealKey(['a', 'a'])).toThrow('members must be different');
});

describe.each([1, 4, 5])('with %i members', (count) => {
  const { group, shares } = dealt(count);
  const message = `block of ${count}`;
  const all = shares(group.ids, message);

  test('every choice of enough shares makes the same signature, and plain BLS verification accepts it', () => {
    const choices = subsets(all, group.threshold);
    const signatures = new Set(choices.map((choice) => group.combine(choice)?.toHex(true)));
    expect(choices.length).toBe({ 1: 1, 4: 4, 5: 5 }[count]);
    expect(signatures.size).toBe(1);
    const signature = parseSignature([...signatures][0] ?? '');
    if (signature === null) throw new Error('not a signature');
    expect(group.areValid(message, [], signature)).toBe(true);
    expect(group.areValid('another block', [], signature)).toBe(false);
  });

  test('fewer shares make none', () => {
    expect(group.combine(all.slice(0, group.threshold - 1))).toBeNull();
  });

  test('a combination with a share over another message does not verify', () => {
    const [wrong] = shares(group.ids.slice(0, 1), 'another block');
    if (wrong === undefined) throw new Error('no share');
    const combined = group.combine([wrong, ...all.slice(1)]);
    if (combined === null) throw new Error('not enough shares');
    expect(group.areValid(message, [], combined)).toBe(false);
  });
});

test('The combined signature verifies with the library’s own verification', () => {
  const key = dealKey(['a', 'b', 'c']);
  const group = new ThresholdGroup(key.group);
  const shares = group.ids.map((member) => ({ member, signature: group.sign(key.secrets[member] ?? '', 'm') }));
  const combined = group.combine(shares);
  if (combined === null) throw new Error('not enough shares');
  const { shortSignatures } = bls12_381;
  const publicKey = bls12_381.G2.Point.fromHex(key.group.publicKey);
  expect(shortSignatures.verify(combined, shortSignatures.hash(Buffer.from('m')), publicKey)).toBe(true);
});

describe('wrong shares', () => {
  const { group, shares } = dealt(7);
  const good = shares(group.ids, 'block');

  test.each([[['validator-0']], [['validator-3', 'validator-6']], [group.ids]])(
    'of %j are found, and no others',
    (bad) => {
      const wrong = new Map(shares(bad, 'another').map((share) => [share.member, share]));
      const mixed = good.map((share) => wrong.get(share.member) ?? share);
      expect(group.areValid('block', mixed)).toBe(false);
      expect(group.sift('block', mixed).map(({ member }) => member)).toEqual(
        group.ids.filter((id) => !bad.includes(id)),
      );
    },
  );

  test('that cancel each other out in a sum are found all the same', () => {
    const [first, second, ...rest] = good;
    if (first === undefined || second === undefined) throw new Error('no shares');
    const shift = bls12_381.G1.Point.BASE;
    const mixed = [
      { member: first.member, signature: first.signature.add(shift) },
      { member: second.member, signature: second.signature.subtract(shift) },
      ...rest,
    ];
    expect(group.areValid('block', mixed)).toBe(false);
    expect(group.sift('block', mixed)).toEqual(rest);
  });

  test('of one member in the name of another, or of nobody, are found', () => {
    const [first, second] = good;
    if (first === undefined || second === undefined) throw new Error('no shares');
    expect(group.areValid('block', [{ member: first.member, signature: second.signature }])).toBe(false);
    expect(group.areValid('block', [{ member: 'stranger', signature: first.signature }])).toBe(false);
  });
});

test('What is no point of the signatures’ group is no signature', () => {
  const { group, shares } = dealt(1);
  const [share] = shares(group.ids, 'm');
  if (share === undefined) throw new Error('no share');
  const hex = signatureHex(share.signature);
  expect(parseSignature(hex)?.equals(share.signature)).toBe(true);
  const infinity = `c0${'00'.repeat(47)}`;
  // On the curve, but outside the subgroup: x = 4.
  const outside = `80${'00'.repeat(46)}04`;
  for (const wrong of ['', 'zz', hex.slice(2), `${hex}00`, 'ff'.repeat(48), infinity, outside]) {
    expect(parseSignature(wrong)).toBeNull();
  }
});

test('A group whose numbers or keys cannot be right is refused', () => {
  const { group } = dealKey(['a', 'b', 'c']);
  const [first] = group.members;
  if (first === undefined) throw new Error('no member');
  expect(() => new ThresholdGroup({ ...group, threshold: 4 })).toThrow('threshold 4 of 3 members');
  expect(() => new ThresholdGroup({ ...group, members: [first, first, first] })).toThrow('the same id');
  expect(() => new ThresholdGroup({ ...group, publicKey: '00' })).toThrow();
});
