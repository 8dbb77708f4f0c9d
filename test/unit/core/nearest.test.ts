import { describe, expect, test } from 'vitest';
import { didYouMean, nearest } from '../../../src/core/nearest.ts';

describe('the nearest word', () => {
  test.each([
    ['montoring', ['monitoring', 'images'], 'monitoring'],
    ['LAB', ['load', 'lab'], 'lab'],
    ['1.1.9', ['1.0.0', '1.1.0'], '1.1.0'],
    ['xyz', ['monitoring', 'images'], undefined],
    ['anything', [], undefined],
  ])('%s among %j is %s', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });

  test('is offered; where none is near the valid ones are listed; where there are none nothing is said', () => {
    expect(didYouMean('validater', ['validator', 'follower'])).toBe('; did you mean validator?');
    expect(didYouMean('zzzzzz', ['validator', 'follower'])).toBe('; valid are: validator, follower');
    expect(didYouMean('zzzzzz', [])).toBe('');
  });
});
