import { describe, expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import type { FakeScript } from '../../../src/lab/fake/fake-world.ts';
import type { LeaseOwner } from '../../../src/lab/lab.ts';
import { recordsOf } from '../../helpers/ask-of-run.ts';
import type { UpgradeOptions } from '../../helpers/run-world.ts';
import { toggleWorld, type ToggleWorld } from '../../helpers/toggle-world.ts';

const owner = (purpose: string): LeaseOwner => ({
  host: 'elsewhere',
  bootId: 'boot',
  pid: 7,
  startTicks: '1',
  purpose,
  since: '2026-01-01T00:00:00Z',
});

const names = ['node-0', 'node-1', 'node-2', 'node-3'];

const stages: RunbookStage[] = [
  { kind: 'switch', id: 'on', toggle: 'boost', node: 'node-3', ttlMs: 20_000 },
  { kind: 'soak', id: 'look', nodes: ['node-3'], forMs: 30_000 },
  { kind: 'clear', id: 'off', toggle: 'boost', node: 'node-3' },
  { kind: 'change', id: 'some', changes: ['node-0', 'node-1'].map((node) => ({ node, version: '2.0.0' })) },
  { kind: 'stop', id: 'stop', node: 'node-2' },
  { kind: 'start', id: 'start', node: 'node-2' },
];

/** Everything that was done to the nodes so far. */
const doneTo = (world: ToggleWorld): string[] => [...world.deeds(), ...world.switched];

/** Runs under a lease that another operator takes when this record is written; what was done by then, and in the end. */
async function losing(
  options: UpgradeOptions,
  isThen: (record: RunRecord) => boolean,
  script?: FakeScript,
): Promise<{
  result: Awaited<ReturnType<typeof executeRun>>;
  records: RunRecord[];
  before: string[];
  after: string[];
}> {
  const world = await toggleWorld(script ? { script } : {});
  const lease = await world.lab.takeLease('world', owner('run rolling-upgrade'));
  let before: string[] | undefined;
  const inputs = await world.inputs({
    ...options,
    onRecord: (record) => {
      if (before || !isThen(record)) return;
      before = doneTo(world);
      world.lab.world.giveLeaseTo({ ...owner('run rollback'), pid: 8 });
    },
  });
  const result = await world.untilSettled(executeRun({ ...inputs, lease }));
  if (!before) throw new Error('the lease was never lost');
  return { result, records: (await readJournal(result.runDir)).records, before, after: doneTo(world) };
}

/** What may still be done: the effect whose intent was written while the lease was ours. */
function openEffect(record: RunRecord): string[] {
  if (record.type === 'intent') return [`stop ${record.node} 1.0.0`, `launch ${record.node} 2.0.0`];
  if (record.type !== 'effect.intent') return [];
  const { effect, node, detail } = record;
  const release = '1.0.0';
  return effect === 'switch'
    ? [`switch ${node} ${String(detail['on'])}`]
    : [effect === 'clear' ? `clear ${node}` : `${effect} ${node} ${release}`];
}

describe('a lease that another operator takes', () => {
  test(
    'at any record of a run lets nothing be done that was not begun, and names who has it',
    { timeout: 120_000 },
    async () => {
      const world = await toggleWorld();
      const whole = await world.untilSettled(executeRun(await world.inputs({ stages })));
      expect(whole.outcome, whole.reason).toBe('passed');
      const { records } = await readJournal(whole.runDir);
      const lastEffect = records.findLastIndex(({ type }) => type === 'effect.intent');
      // The token's record comes first.
      let tried = 0;
      for (let seq = 1; seq < lastEffect; seq++) {
        let at: RunRecord | undefined;
        const lost = await losing({ stages }, (record) => {
          if (record.seq !== seq) return false;
          at = record;
          return true;
        });
        const where = `${seq} ${at?.type}: ${lost.result.reason}`;
        const more = lost.after.filter((deed) => !lost.before.includes(deed));
        expect(at ? openEffect(at) : [], where).toEqual(expect.arrayContaining(more));
        expect(lost.result, where).toMatchObject({ outcome: 'refused', exitCode: 2 });
        expect(lost.result.reason, where).toMatch(/the lease .* is lost: run rollback on elsewhere \(pid 8/);
        tried++;
      }
      console.info(`the lease was lost at each of ${tried} records`);
      expect(tried).toBeGreaterThan(30);
    },
  );

  test('before a rollback keeps the rollback from touching anything', async () => {
    const stalling: FakeScript = (node) =>
      node.release.version === '2.0.0' && node.name === 'node-1' ? { blocksPerSecond: 0 } : {};
    const { result, before, after } = await losing({}, ({ type }) => type === 'rollback.started', stalling);
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 });
    expect(result.reason).toMatch(/the gate of node-1 says FAIL.*the rollback did not succeed: the lease .* is lost/);
    expect(after).toEqual(before);
    expect(result.versions).toMatchObject({ 'node-0': '2.0.0', 'node-1': '2.0.0' });
  });

  test('between two nodes of a rollback ends it there', async () => {
    const stalling: FakeScript = (node) =>
      node.release.version === '2.0.0' && node.name === 'node-2' ? { blocksPerSecond: 0 } : {};
    const { result, records, after } = await losing(
      {},
      (record) => record.type === 'step.done' && record.step === 'rollback/node-2',
      stalling,
    );
    expect(result.outcome).toBe('refused');
    expect(after.at(-1)).toBe('launch node-2 1.0.0');
    expect(recordsOf(records, 'intent').map(({ node }) => node)).toEqual([...names.slice(0, 3), 'node-2']);
  });
});
