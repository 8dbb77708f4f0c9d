import { describe, expect, test } from 'vitest';
import { networkFacts } from '../../../src/gates/slot-facts.ts';
import { supportedChecks } from '../../../src/gates/supported-checks.ts';
import type { MetricCheck, SystemProfile } from '../../../src/spec/profile.ts';
import { gateWorld } from '../../helpers/gate-world.ts';

const value = { kind: 'value', metric: { metric: 'queue' }, max: 1 } as const;
const metricChecks: MetricCheck[] = [
  { name: 'direct-queue', source: 'direct', condition: value, critical: true },
  { name: 'stored-queue', source: 'prometheus', condition: value, advisory: true },
];

async function supported(without: (keyof SystemProfile)[], nodeCount = 4, quorum: SystemProfile['quorum'] = 'bft') {
  const { profile, topology } = await gateWorld({ nodeCount, checks: metricChecks, topology: { quorum } });
  const lacking = Object.fromEntries(Object.entries(profile).filter(([key]) => !without.some((name) => name === key)));
  const setting = { network: networkFacts(topology), hasPrometheus: nodeCount > 1, windowMs: 4000 };
  return supportedChecks(lacking as unknown as SystemProfile, setting);
}

describe('the supported checks', () => {
  test('are all of them for a profile that can do everything', async () => {
    const { checks, leftOut } = await supported([]);
    expect(checks.map(({ name }) => name)).toEqual([
      'identity',
      'liveness',
      'version-claim',
      'progress',
      'catch-up',
      'peers',
      'same-hash',
      'quorum',
      'direct-queue',
      'stored-queue',
    ]);
    expect(checks.filter(({ critical }) => critical).map(({ name }) => name)).toEqual([
      'identity',
      'liveness',
      'version-claim',
      'same-hash',
      'quorum',
      'direct-queue',
    ]);
    expect(checks.filter(({ advisory }) => advisory).map(({ name }) => name)).toEqual(['stored-queue']);
    expect(leftOut.map(({ name }) => name)).toEqual(['out-of-memory']);
  });

  test('lack what the profile lacks, and say why', async () => {
    const { checks, leftOut } = await supported(['progress', 'blockAt', 'metrics'], 4, 'none');
    expect(checks.map(({ name }) => name)).toEqual(['identity', 'liveness', 'version-claim', 'stored-queue']);
    expect(leftOut).toEqual([
      { name: 'progress', reason: 'the profile says nothing of progress' },
      { name: 'catch-up', reason: 'the profile says nothing of progress' },
      { name: 'peers', reason: 'the profile says nothing of progress' },
      { name: 'same-hash', reason: 'the profile cannot ask for a block' },
      { name: 'quorum', reason: 'every node is for itself' },
      { name: 'out-of-memory', reason: 'this lab does not tell what was killed for want of memory' },
      { name: 'direct-queue', reason: 'the profile names no metrics endpoint' },
    ]);
  });

  test('of a single node do not compare it with others', async () => {
    const { checks, leftOut } = await supported([], 1);
    expect(checks.map(({ name }) => name)).toEqual([
      'identity',
      'liveness',
      'version-claim',
      'progress',
      'quorum',
      'direct-queue',
    ]);
    expect(leftOut.map(({ name }) => name)).toEqual([
      'catch-up',
      'peers',
      'same-hash',
      'out-of-memory',
      'stored-queue',
    ]);
  });
});

test('a single node passes its gate', async () => {
  const world = await gateWorld({ nodeCount: 1, topology: { quorum: 'none' } });
  const keeper = world.keeper();
  const { verdict } = await world.until(keeper.preflight({ nodes: world.topology.nodes }));
  expect(verdict.kind).toBe('PASS');
  expect(verdict.checks.map(({ check }) => check)).toEqual(['identity', 'liveness', 'version-claim', 'progress']);
  await keeper.close();
});
