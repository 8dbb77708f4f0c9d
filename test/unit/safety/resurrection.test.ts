import { describe, expect, test } from 'vitest';
import { checkResurrection } from '../../../src/safety/resurrection.ts';
import type { WriteRecord } from '../../../src/safety/write-record.ts';
import { readingsOf, silent, writesOf } from './chains.ts';

const refused = (id?: string): WriteRecord => ({ node: 'b', outcome: 'rejected', ...(id !== undefined && { id }) });

describe('resurrection', () => {
  test('passes when nothing that was refused stands anywhere', () => {
    const check = checkResurrection(readingsOf(), [...writesOf(), refused('never')]);
    expect(check).toMatchObject({ verdict: 'pass', examined: 1 });
  });

  test('fails when a write stands though its client was told that it was refused', () => {
    const check = checkResurrection(readingsOf(), [refused('4b')]);
    expect(check).toMatchObject({ verdict: 'fail', culprits: [{ transaction: '4b', height: 4 }] });
    expect(check.culprits[0]?.detail).toBe('transaction 4b was refused by b and yet stands at height 4 on a, b, c, d');
  });

  test('fails when a write comes back that was found to be lost', () => {
    const check = checkResurrection(readingsOf(), writesOf(), new Set(['6a', 'still-lost']));
    expect(check).toMatchObject({ verdict: 'fail', examined: 2, culpritCount: 1 });
    expect(check.culprits[0]?.detail).toContain('was lost and yet stands at height 6');
  });

  test('lets a write without an answer appear at any time', () => {
    const late: WriteRecord = { id: '9b', node: 'a', outcome: 'unknown' };
    expect(checkResurrection(readingsOf(), [late]).verdict).toBe('pass');
  });

  test('is inconclusive when something could hide, and passes without one when nothing could come back', () => {
    const readings = readingsOf({ d: silent('d') });
    expect(checkResurrection(readings, [refused('never')]).verdict).toBe('inconclusive');
    expect(checkResurrection(readingsOf(), [refused()]).summary).toContain('1 writes were refused without an id');
    expect(checkResurrection(readings, writesOf()).verdict).toBe('pass');
  });
});
