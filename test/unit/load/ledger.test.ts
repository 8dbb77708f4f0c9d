import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../../../src/core/canonical.ts';
import { openLedger } from '../../../src/load/ledger.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

test('a seal vouches for what was recorded before it, in this process and in earlier ones', async () => {
  const file = join(await temporaryFolder(), 'ledger.jsonl');
  const first = await openLedger(file);
  first.record('node-0', 1, { outcome: 'acknowledged', id: 'a', height: 3 }, 12);
  const seal = await first.seal();
  first.record('node-0', 2, { outcome: 'rejected', reason: 'full' }, 5);
  await first.close();
  const content = await readFile(file);
  expect(content.length).toBeGreaterThan(seal.sizeBytes);
  expect(seal.sha256).toBe(sha256(content.subarray(0, seal.sizeBytes)));
  await appendFile(file, '{"sequence":3,"no');
  const second = await openLedger(file);
  second.record('node-1', 4, { outcome: 'unknown', reason: 'time-out' }, 5000);
  const last = await second.seal();
  await second.close();
  const all = await readFile(file);
  expect(last).toEqual({ sha256: sha256(all), sizeBytes: all.length });
  expect(
    all
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence),
  ).toEqual([1, 2, 4]);
});
