import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/canonical.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { openLedger, type Ledger } from '../../../src/load/ledger.ts';
import type { SubmitResult } from '../../../src/spec/profile.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const clock = createVirtualClock();
const acknowledged = (id: string, height = 3): SubmitResult => ({ outcome: 'acknowledged', id, height });

async function newFile(): Promise<string> {
  return join(await temporaryFolder(), 'ledger.jsonl');
}

async function write(ledger: Ledger, node: string, result: SubmitResult, latencyMs = 12): Promise<number> {
  const [sequence = -1] = await ledger.intend([node]);
  ledger.record(sequence, result, latencyMs);
  return sequence;
}

async function linesIn(file: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(file, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the ledger', () => {
  test('has an intent on the disk before it lets a write go, and its outcome as a line of its own', async () => {
    const file = await newFile();
    const ledger = await openLedger(file, { clock });
    const sequences = await ledger.intend(['a', 'b']);
    const atMs = clock.wallMs();
    expect(sequences).toEqual([0, 1]);
    expect(await linesIn(file)).toEqual([
      { intent: 0, node: 'a', atMs },
      { intent: 1, node: 'b', atMs },
    ]);
    ledger.record(1, acknowledged('x', 7), 12.4);
    await ledger.close();
    expect((await linesIn(file)).at(-1)).toEqual({
      sequence: 1,
      node: 'b',
      atMs,
      latencyMs: 12,
      outcome: 'acknowledged',
      id: 'x',
      height: 7,
    });
  });

  test('shares one wait for the disk among intents that come while it is busy', async () => {
    const ledger = await openLedger(await newFile(), { clock });
    const batches = await Promise.all(Array.from({ length: 200 }, () => ledger.intend(['a', 'b'])));
    expect(new Set(batches.flat()).size).toBe(400);
    expect(ledger.commits).toBeLessThan(10);
    await ledger.close();
  });

  test('a run that was killed finds what it had sent without an outcome, and calls it unknown', async () => {
    const file = await newFile();
    const killed = await openLedger(file, { clock });
    await write(killed, 'a', acknowledged('x'));
    await killed.intend(['b', 'c']);
    await killed.seal();
    const next = await openLedger(file, { clock });
    expect(next.counts).toEqual({ sent: 3, acknowledged: 1, rejected: 0, unknown: 2 });
    expect(next.entries.map(({ sequence, node, outcome }) => [sequence, node, outcome])).toEqual([
      [0, 'a', 'acknowledged'],
      [1, 'b', undefined],
      [2, 'c', undefined],
    ]);
    expect(await next.intend(['a'])).toEqual([3]);
    await next.close();
    await killed.close();
  });

  test('reads what a run wrote that knew of no intents yet', async () => {
    const file = await newFile();
    await writeFile(
      file,
      '{"sequence":0,"node":"a","latencyMs":5,"outcome":"acknowledged","id":"x","height":2}\n{"sequence":1,"node":"a","latencyMs":5,"outcome":"rejected","reason":"full"}\n',
    );
    const ledger = await openLedger(file, { clock });
    expect(ledger.counts).toEqual({ sent: 2, acknowledged: 1, rejected: 1, unknown: 0 });
    expect(await ledger.intend(['a'])).toEqual([2]);
    await ledger.close();
  });

  test('a line that a crash has torn says nothing, be it an intent or an outcome', async () => {
    for (const torn of ['{"intent":2,"no', '{"sequence":1,"node":"b","atMs":1,"latencyMs":3,"outcome":"ackno']) {
      const file = await newFile();
      const first = await openLedger(file, { clock });
      await write(first, 'a', acknowledged('x'));
      await first.intend(['b']);
      await first.close();
      await appendFile(file, torn);
      const second = await openLedger(file, { clock });
      expect(second.counts).toEqual({ sent: 2, acknowledged: 1, rejected: 0, unknown: 1 });
      expect(second.entries).toHaveLength(2);
      await second.close();
      expect(await readFile(file, 'utf8')).not.toContain(torn);
    }
  });

  test('a seal vouches for what was recorded before it, in this process and in earlier ones', async () => {
    const file = await newFile();
    const first = await openLedger(file, { clock });
    await write(first, 'node-0', acknowledged('a'));
    const seal = await first.seal();
    await write(first, 'node-0', { outcome: 'rejected', reason: 'full' });
    await first.close();
    const content = await readFile(file);
    expect(content.length).toBeGreaterThan(seal.sizeBytes);
    expect(seal.sha256).toBe(sha256(content.subarray(0, seal.sizeBytes)));
    await appendFile(file, '{"sequence":3,"no');
    const second = await openLedger(file, { clock });
    await write(second, 'node-1', { outcome: 'unknown', reason: 'time-out' }, 5000);
    const last = await second.seal();
    await second.close();
    const all = await readFile(file);
    expect(last).toEqual({ sha256: sha256(all), sizeBytes: all.length });
  });

  test('refuses an outcome of what it knows no intent of, or has an outcome of', async () => {
    const ledger = await openLedger(await newFile(), { clock });
    const sequence = await write(ledger, 'a', acknowledged('x'));
    expect(() => ledger.record(sequence, acknowledged('x'), 1)).toThrow(/no open write 0/);
    expect(() => ledger.record(7, acknowledged('y'), 1)).toThrow(/no open write 7/);
    await ledger.close();
  });

  test('stamps the writes of one process with a time that does not jump', async () => {
    let jumpMs = 0;
    const jumping = { ...clock, wallMs: () => clock.wallMs() + jumpMs };
    const ledger = await openLedger(await newFile(), { clock: jumping });
    await write(ledger, 'a', acknowledged('x'));
    jumpMs = 3_600_000;
    await clock.sleep(1000);
    await write(ledger, 'a', acknowledged('y'));
    const [first, second] = ledger.entries;
    expect((second?.sentAtMs ?? 0) - (first?.sentAtMs ?? 0)).toBe(1000);
    await ledger.close();
  });

  test('only counts where nobody looks for transactions: nothing is written, nothing is waited for', async () => {
    const file = await newFile();
    const ledger = await openLedger(file, { clock, keepsTransactions: false });
    await write(ledger, 'a', acknowledged('x'));
    await write(ledger, 'a', { outcome: 'unknown', reason: 'time-out' });
    expect(ledger.counts).toEqual({ sent: 2, acknowledged: 1, rejected: 0, unknown: 1 });
    expect(ledger.entries).toEqual([]);
    expect(ledger.commits).toBe(0);
    await ledger.close();
    expect(await readFile(file, 'utf8')).toBe('');
  });

  test('tells what became of one node’s load since it was last asked', async () => {
    const ledger = await openLedger(await newFile(), { clock });
    await write(ledger, 'a', acknowledged('x'));
    await write(ledger, 'a', { outcome: 'rejected', reason: 'no' });
    await write(ledger, 'b', { outcome: 'unknown', reason: 'no' });
    expect(ledger.takeTally('a')).toEqual({ acknowledged: 1, errors: 1 });
    expect(ledger.takeTally('a')).toEqual({ acknowledged: 0, errors: 0 });
    expect(ledger.takeTally('b')).toEqual({ acknowledged: 0, errors: 1 });
    await ledger.close();
  });
});
