import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FaultKind } from '../../../node/fault-kinds.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { readChains } from '../../../src/safety/read-chains.ts';
import type { SafetyCheck, SafetyCheckName } from '../../../src/safety/safety-result.ts';
import profile from '../../../systems/reference/profile.ts';
import { checkSafety } from '../../helpers/check-safety.ts';
import { releaseBuilder } from './releases.ts';
import { clientsOf, startWriting } from './safety-world.ts';
import { TestNetwork } from './test-network.ts';

const build = releaseBuilder();
/** Longer than the release that votes twice waits. */
const awayMs = 5_000;

/**
 * One node is killed and comes back after a while, then all are killed at once and come back, under writes. Then the chains are read and
 * compared with what the clients were told, and with what the nodes held before the second disaster.
 */
async function disasters(fault?: FaultKind): Promise<Record<SafetyCheckName, SafetyCheck>> {
  const release = await build({ version: '1.0.0', ...(fault && { fault }) });
  const network = await TestNetwork.create(4);
  onTestFinished(() => network[Symbol.asyncDispose]());
  const clients = clientsOf(network);
  network.startAll(release);
  await network.reach(3);
  const stopWriting = startWriting(clients);
  await sleep(1500);
  await network.stop('validator-3', 'SIGKILL');
  await sleep(awayMs);
  network.start('validator-3', release);
  await sleep(2000);

  const earlier = await readChains({ profile, clients, clock: systemClock, catchUpMs: 3000 });
  await Promise.all(network.ids.map((id) => network.stop(id, 'SIGKILL')));
  network.startAll(release);
  await sleep(4000);
  const writes = await stopWriting();
  const options = { profile, clients, clock: systemClock, catchUpMs: 10_000 };
  const { checks } = await checkSafety({ ...options, writes, earlier });
  expect(await network.heights()).toHaveLength(4);
  expect(writes.filter(({ outcome }) => outcome === 'acknowledged').length).toBeGreaterThan(20);
  return Object.fromEntries(checks.map((check) => [check.name, check])) as Record<SafetyCheckName, SafetyCheck>;
}

describe('a disaster on four nodes', () => {
  test('leaves nothing behind that the checks could find on a clean release', async () => {
    const checks = await disasters();
    for (const { verdict, summary } of Object.values(checks)) expect(verdict, summary).toBe('pass');
    expect(checks.durability.examined).toBeGreaterThan(20);
    expect(checks.order.examined).toBeGreaterThan(20);
    expect(checks.agreement.examined).toBeGreaterThan(20);
  });

  test('shows that a release votes twice: two blocks at one height, and who signed for both', async () => {
    const { agreement } = await disasters('votes-twice');
    expect(agreement.verdict, agreement.summary).toBe('fail');
    const [fork] = agreement.culprits;
    expect(new Set(Object.values(fork?.hashes ?? {}).map(({ block }) => block)).size).toBe(2);
    expect(fork?.signedBoth?.length).toBeGreaterThan(0);
    expect(fork?.detail).toContain('signed for more than one of them');
  });

  test('shows that a release acknowledges what is not durable: writes that only the killed node knew are nowhere', async () => {
    const { durability, agreement, duplication } = await disasters('acks-before-fsync');
    expect(durability.verdict, durability.summary).toBe('fail');
    expect(durability.culprits[0]?.detail).toMatch(
      /^transaction \w+…, acknowledged by validator-\d at height \d+, is missing on .*, and on no other$/,
    );
    expect([agreement.verdict, duplication.verdict]).toEqual(['pass', 'pass']);
  });

  test('shows that a release forgets its latest blocks: what was acknowledged in them is gone, other blocks are in their place', async () => {
    const { durability, agreement } = await disasters('forgets-after-restart');
    expect(durability.verdict, durability.summary).toBe('fail');
    expect(durability.culprits[0]?.detail).toContain('and on no other');
    expect(agreement.verdict, agreement.summary).toBe('fail');
    expect(agreement.culprits[0]?.detail).toMatch(/validator-\d before/);
  });
});
