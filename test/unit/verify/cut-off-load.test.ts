import { expect, test } from 'vitest';
import type { RunRecord } from '../../../src/journal/records.ts';
import { exitCodeOfVerification } from '../../../src/verify/verify-run.ts';
import { busyWorld, forged, verified } from '../../helpers/verified-run.ts';

const without = (records: readonly RunRecord[], types: readonly string[]): RunRecord[] =>
  records.filter(({ type }) => !types.includes(type));

test('what a killed process wrote of its load is told, and damages nothing; a ledger of no load does', async () => {
  const world = await busyWorld();
  const { result } = await world.upgrade({ hasLoad: true, nodes: ['node-0'] });

  const cutOff = await verified(await forged(result.runDir, (records) => without(records, ['load.finished'])));
  const told = cutOff.findings.filter(({ rule }) => rule === 'ledger');
  expect(told).toEqual([
    {
      kind: 'note',
      rule: 'ledger',
      file: 'ledger.jsonl',
      message: expect.stringMatching(
        /^[1-9]\d* bytes at its end are of a load that was cut off; nothing vouches for them$/,
      ) as unknown,
    },
  ]);
  expect(cutOff.findings.filter(({ kind }) => kind === 'damaged')).toEqual([]);

  const never = await forged(result.runDir, (records) => without(records, ['load.started', 'load.finished']));
  const damaged = await verified(never);
  expect(damaged.findings.map(({ kind, rule }) => `${kind} ${rule}`)).toContain('damaged ledger');
  expect(exitCodeOfVerification(damaged)).not.toBe(0);
});
