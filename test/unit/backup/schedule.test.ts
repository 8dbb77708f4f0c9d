import { expect, test } from 'vitest';
import { scheduleMeetsRpo } from '../../../src/backup/schedule.ts';

const hourMs = 3_600_000;

test('a schedule keeps within the target when a backup and the time that it takes fit into it', () => {
  expect(scheduleMeetsRpo({ everyMs: hourMs, rpoTargetMs: hourMs })).toMatchObject({
    isMet: true,
    worstLossMs: hourMs,
  });
  const late = scheduleMeetsRpo({ everyMs: hourMs, rpoTargetMs: hourMs, takesMs: 60_000 });
  expect(late).toEqual({
    isMet: false,
    worstLossMs: hourMs + 60_000,
    reason: 'a backup every 1 h that takes 1 min can lose up to 1 h, more than the target of 1 h',
  });
});

test('without a schedule no target can be kept', () => {
  const found = scheduleMeetsRpo({ everyMs: undefined, rpoTargetMs: 30_000 });
  expect(found).toMatchObject({ isMet: false, worstLossMs: Infinity });
  expect(found.reason).toMatch(/by hand only/);
});
