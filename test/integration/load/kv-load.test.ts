import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { seededRandom } from '../../../src/core/seeded-random.ts';
import { recordKvHistory, type KvLoadOptions } from '../../../src/load/kv-load.ts';
import { checkLinearizability } from '../../../src/safety/linearizability/check-linearizability.ts';
import type { SafetyCheck } from '../../../src/safety/safety-result.ts';
import profile, { keyValueOperations } from '../../fixtures/systems/etcd/profile.ts';
import { hasProgram } from '../../helpers/programs.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';
import { EtcdCluster, operationTimeoutMs } from './etcd-cluster.ts';

async function cluster(): Promise<EtcdCluster> {
  const made = await EtcdCluster.create(await temporaryFolder());
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

const loadOf = (etcd: EtcdCluster, options: Partial<KvLoadOptions>): KvLoadOptions => ({
  ...{ operations: keyValueOperations(), clients: etcd.clients, keys: ['k0', 'k1', 'k2'], processes: 6 },
  ...{ durationMs: 12_000, maxPauseMs: 40, timeoutMs: operationTimeoutMs, clock: systemClock },
  ...{ random: seededRandom(5), label: 'load' },
  ...options,
});

const check = (history: Parameters<typeof checkLinearizability>[0]): Promise<SafetyCheck> =>
  checkLinearizability(history, { clock: systemClock });

// Debian and Ubuntu: apt-get install etcd-server
describe.skipIf(!hasProgram('etcd'))('etcd (needs the program etcd)', () => {
  test('keeps what it claims while members are frozen and killed under load', async () => {
    const etcd = await cluster();
    const { claims } = profile;
    if (!claims) throw new Error('the profile claims nothing');
    const recording = recordKvHistory(loadOf(etcd, { operations: claims.operations }));
    await sleep(1500);
    etcd.signal('member-0', 'SIGSTOP');
    await sleep(3000);
    etcd.signal('member-0', 'SIGCONT');
    await sleep(1000);
    await etcd.kill('member-1');
    await sleep(1500);
    etcd.start('member-1');
    const history = await recording;
    const { verdict, summary, examined } = await check(history);
    expect(verdict, summary).toBe('pass');
    expect(examined).toBeGreaterThan(200);
    expect(history.filter(({ outcome }) => outcome === 'unknown').length).toBeGreaterThan(0);
    expect(history.some((one) => one.kind === 'cas' && one.isApplied)).toBe(true);
  });

  test('does not keep it with reads from a member’s own copy, and the check shows which read was stale', async () => {
    const etcd = await cluster();
    const load = loadOf(etcd, { operations: keyValueOperations({ isSerializable: true }), durationMs: 10_000 });
    const recording = recordKvHistory({ ...load, maxPauseMs: 5 });
    for (let round = 0; round < 8; round++) {
      etcd.signal('member-2', 'SIGSTOP');
      await sleep(700);
      etcd.signal('member-2', 'SIGCONT');
      await sleep(400);
    }
    const { verdict, summary } = await check(await recording);
    expect(verdict, summary).toBe('fail');
    expect(summary).toMatch(/which does not fit the read of .* by process/);
  });
});
