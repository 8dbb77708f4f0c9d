import { describe, expect, test } from 'vitest';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import { recordsOf } from '../../helpers/ask-of-run.ts';
import { runWorld } from '../../helpers/run-world.ts';

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `node-${index}`);

function batches(atOnce: number, count: number, given: { mayHalt?: boolean } = {}): RunbookStage[] {
  const changes = namesOf(count).map((node) => ({ node, version: '2.0.0' }));
  return [{ kind: 'change', id: 'upgrade', atOnce, changes, ...given }];
}

/** Most nodes that were away or not gated yet at one time. */
function mostAtOnce(records: readonly RunRecord[]): number {
  const open = new Set<string>();
  let most = 0;
  for (const record of records) {
    if (record.type === 'intent') open.add(record.node);
    if (record.type === 'gate.verdict' && record.verdict.kind === 'PASS')
      for (const node of record.nodes) open.delete(node);
    most = Math.max(most, open.size);
  }
  return most;
}

describe('nodes that are changed in batches', () => {
  test.each([
    // Of seven equal nodes two may be away, of ten three.
    [2, 7, [2, 2, 2, 1]],
    [3, 10, [3, 3, 3, 1]],
  ])('of %i of %i have one gate a batch, and no more of them are away at a time', async (atOnce, count, sizes) => {
    const world = await runWorld({ nodeCount: count });
    const { result, records } = await world.upgrade({ stages: batches(atOnce, count) });
    expect(result.outcome, result.reason).toBe('passed');
    const gates = recordsOf(records, 'gate.verdict').filter(({ step }) => step.startsWith('upgrade/'));
    expect(gates.map(({ nodes }) => nodes.length)).toEqual(sizes);
    expect(mostAtOnce(records)).toBe(atOnce);
    expect(recordsOf(records, 'step.done').filter(({ step }) => step.startsWith('upgrade/'))).toHaveLength(count);
  });

  test.each([
    [2, 4],
    [3, 7],
  ])('of %i of %i that would cost the quorum are refused before the first is touched', async (atOnce, count) => {
    const world = await runWorld({ nodeCount: count });
    const { result, records } = await world.upgrade({ stages: batches(atOnce, count) });
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 });
    expect(result.reason).toMatch(new RegExp(`taking node-0 down is not safe: without ${namesOf(atOnce).join(', ')} `));
    expect(world.deeds()).toEqual([]);
    expect(recordsOf(records, 'intent')).toEqual([]);
  });

  test('are refused where another node broke meanwhile, and the batch before stays', async () => {
    const world = await runWorld({ nodeCount: 7 });
    const { result } = await world.upgrade({
      stages: batches(2, 7),
      onRecord: (record) => {
        if (record.type === 'step.done' && record.step === 'upgrade/node-1') world.lab.world.crash('node-6');
      },
    });
    expect(result.outcome).toBe('refused');
    expect(result.reason).toMatch(/taking node-2 down is not safe: without node-2, node-3 .*node-6 is down/);
    expect(world.deeds().filter((deed) => deed.startsWith('launch'))).toEqual([
      'launch node-0 2.0.0',
      'launch node-1 2.0.0',
    ]);
  });

  test('that fail at their gate go back with every batch before them, newest first', async () => {
    const stalling: FakeScript = (node) =>
      node.release.version === '2.0.0' && node.name === 'node-3' ? { blocksPerSecond: 0 } : {};
    const world = await runWorld({ nodeCount: 7, script: stalling });
    const { result, records } = await world.upgrade({ stages: batches(2, 7) });
    expect(result.outcome).toBe('rolled-back');
    expect(recordsOf(records, 'rollback.started')).toMatchObject([{ nodes: ['node-3', 'node-2', 'node-1', 'node-0'] }]);
    expect(new Set(Object.values(result.versions))).toEqual(new Set(['1.0.0']));
    expect(world.deeds().join()).not.toMatch(/node-[456]/);
  });

  test('that may halt the network are not ended by a guard that sees the halt', async () => {
    const world = await runWorld({ script: (_node, start) => (start > 1 ? { launchTakesMs: 5_000 } : {}) });
    const { result, records } = await world.upgrade({ stages: batches(2, 4, { mayHalt: true }) });
    expect(result.outcome, result.reason).toBe('passed');
    expect(recordsOf(records, 'guard.failed')).toEqual([]);
  });

  test('that may halt the network are guarded again once their gate has passed', async () => {
    const world = await runWorld();
    const stages: RunbookStage[] = [
      ...batches(2, 4, { mayHalt: true }),
      { kind: 'approval', id: 'ask', question: 'go on?', timeoutMs: 60_000, onTimeout: 'continue' },
      { kind: 'soak', id: 'soak', nodes: ['node-3'] },
    ];
    const { result, records } = await world.upgrade({
      stages,
      onRecord: (record) => {
        // A node of the first batch, whose guard was ended for the second one.
        if (record.type === 'approval.requested') world.lab.world.change('node-0', { blocksPerSecond: 0 });
      },
    });
    expect(result.outcome).toBe('rolled-back');
    expect(recordsOf(records, 'guard.failed')).toMatchObject([{ node: 'node-0' }]);
  });

  test('that halted the network may halt it again on their way back', async () => {
    const world = await runWorld({
      nodeCount: 3,
      script: (node, start) => (node.name === 'node-2' && start === 2 ? { blocksPerSecond: 0 } : {}),
    });
    const { result } = await world.upgrade({ stages: batches(3, 3, { mayHalt: true }) });
    expect(result.outcome, result.reason).toBe('rolled-back');
    expect(new Set(Object.values(result.versions))).toEqual(new Set(['1.0.0']));
  });
});
