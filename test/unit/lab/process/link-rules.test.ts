import { describe, expect, test } from 'vitest';
import { LinkRules } from '../../../../src/lab/process/links/link-rules.ts';

describe('a cut', () => {
  test('of what comes in or goes out is of one direction, and of its pair alone', () => {
    const rules = new LinkRules();
    rules.set('one', 'a', { kind: 'cut', rules: [{ direction: 'in', peer: 'b', verdict: 'drop' }] });
    expect(rules.verdict('b', 'a')).toBe('drop');
    expect(rules.verdict('a', 'b')).toBe('pass');
    expect(rules.verdict('c', 'a')).toBe('pass');
    rules.set('two', 'a', { kind: 'cut', rules: [{ direction: 'out', peer: 'clients', verdict: 'reject' }] });
    expect(rules.verdict('a', 'clients')).toBe('reject');
    expect(rules.verdict('clients', 'a')).toBe('pass');
  });

  test('of some ports leaves the others, and what is on no port, alone', () => {
    const rules = new LinkRules();
    const rule = { direction: 'in', peer: 'b', verdict: 'drop', ports: ['p2p'] } as const;
    rules.set('one', 'a', { kind: 'cut', rules: [rule] });
    expect(rules.verdict('b', 'a', 'p2p')).toBe('drop');
    expect(rules.verdict('b', 'a', 'http')).toBe('pass');
    expect(rules.verdict('b', 'a')).toBe('pass');
  });

  test('that drops wins over one that rejects, and each ends alone', () => {
    const rules = new LinkRules();
    rules.set('one', 'a', { kind: 'cut', rules: [{ direction: 'out', peer: 'b', verdict: 'reject' }] });
    rules.set('two', 'b', { kind: 'cut', rules: [{ direction: 'in', peer: 'a', verdict: 'drop' }] });
    expect(rules.verdict('a', 'b')).toBe('drop');
    expect(rules.delete('two')).toBe(true);
    expect(rules.verdict('a', 'b')).toBe('reject');
    expect(rules.delete('one')).toBe(true);
    expect(rules.verdict('a', 'b')).toBe('pass');
    expect(rules.delete('one')).toBe(false);
  });
});

test('a shape is of what the node sends; several rules add up, the narrowest limit counts', () => {
  const rules = new LinkRules();
  expect(rules.shape('a', 'b')).toBeUndefined();
  rules.set('one', 'a', {
    kind: 'shape',
    rules: [
      { peer: 'b', delayMs: 50, lossShare: 0.5 },
      { peer: 'b', delayMs: 20, jitterMs: 5, lossShare: 0.5, bitsPerSecond: 1000 },
      { peer: 'c', delayMs: 7 },
    ],
  });
  expect(rules.shape('a', 'b')).toEqual({ delayMs: 70, jitterMs: 5, lossShare: 0.75, bitsPerSecond: 1000 });
  expect(rules.shape('a', 'c')).toEqual({ delayMs: 7, jitterMs: 0, lossShare: 0, bitsPerSecond: Infinity });
  expect(rules.shape('b', 'a')).toBeUndefined();
});
