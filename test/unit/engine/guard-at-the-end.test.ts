import { describe, expect, test } from 'vitest';
import { runWorld, type RunWorld } from '../../helpers/run-world.ts';

describe('a guard that fails after the last step', () => {
  /** A run in which this happens while the ledger is checked, and for six seconds; to read the blocks takes as long. */
  async function ending(what: (world: RunWorld) => void) {
    const blocks = new Map<number, string[]>();
    const world: RunWorld = await runWorld({
      topology: { loadPerSecond: 5 },
      profile: {
        submit: async (client, { sequence }) => {
          const { height = 0 } = await world.profile.probe(client);
          const id = `transaction-${sequence}`;
          blocks.set(height, [...(blocks.get(height) ?? []), id]);
          return { outcome: 'acknowledged', id, height };
        },
        transactionsAt: async (_client, height) => {
          await world.clock.sleep(6000);
          return blocks.get(height) ?? [];
        },
      },
    });
    const { result, records } = await world.upgrade({
      nodes: ['node-0'],
      hasLoad: true,
      onRecord: (record) => {
        if (record.type !== 'step.started' || record.step !== 'ledger') return;
        void world.clock.sleep(6000).then(() => world.faces.clear());
        what(world);
      },
    });
    return { result, records };
  }

  test('takes the change back, though the traffic is over already', async () => {
    const { result, records } = await ending((world) => world.show('node-0', { healthStatus: 500 }));
    expect(result.outcome).toMatch(/^(rolled-back|rollback-failed)$/);
    expect(result.reason).toContain('liveness of node-0');
    expect(records.find(({ type }) => type === 'rollback.started')).toMatchObject({ nodes: ['node-0'] });
  });

  test('for want of data alone changes nothing', async () => {
    const { result, records } = await ending((world) => world.show('node-0', { statusFails: true }));
    expect(records.some(({ type }) => type === 'guard.failed')).toBe(true);
    expect(result.outcome).toBe('passed');
  });
});
