import { describe, expect, test } from 'vitest';
import type { LogLine } from '../../../src/lab/lab.ts';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import { beginUpgrade, roundTrip } from '../../helpers/gate-run.ts';
import { gateWorld, type GateWorld } from '../../helpers/gate-world.ts';

const logErrors = { matches: '"level":"error"', maxPerWindow: 2 };
const failure = '{"level":"error","msg":"cannot write"}';

/** Upgrades node-0 and lets it log `count` errors as soon as it runs. */
async function gateWith(world: GateWorld, count: number): Promise<ReturnType<typeof settled>> {
  const keeper = world.keeper();
  const { result } = await beginUpgrade(world, keeper, 'node-0', '1.1.0', () => {
    for (let line = 0; line < count; line++) world.lab.world.addLog('node-0', failure);
  });
  const settledResult = await settled(world, result);
  await keeper.close();
  return settledResult;
}

async function settled(world: GateWorld, result: Awaited<ReturnType<typeof beginUpgrade>>['result']) {
  const { verdict, evidence } = await world.until(result);
  expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
  return { verdict, check: verdict.checks.find(({ check }) => check === 'log-errors') };
}

describe('errors in a log', () => {
  test('that were written before the gate’s first look count, each once', async () => {
    const { verdict, check } = await gateWith(await gateWorld({ profile: { logErrors } }), 3);
    expect(verdict.kind).toBe('FAIL');
    expect(check?.lastDetail).toBe(`3 errors in the log, at most 2 are good; the last: ${failure}`);
  });

  test('that are few enough let a gate pass', async () => {
    const { verdict, check } = await gateWith(await gateWorld({ profile: { logErrors } }), 2);
    expect(verdict.kind).toBe('PASS');
    expect(check).toMatchObject({ ok: 8, bad: 0, unknown: 0 });
  });

  test('of the process before do not count', async () => {
    const world = await gateWorld({ profile: { logErrors } });
    for (let line = 0; line < 50; line++) world.lab.world.addLog('node-0', failure);
    await world.clock.advance(1000);
    expect((await gateWith(world, 0)).verdict.kind).toBe('PASS');
  });

  test.each<[string, (line: LogLine) => LogLine[], string]>([
    ['the lab cannot tell when a line was written', ({ node, text }) => [{ node, text }], 'empty: the lab cannot tell'],
    ['there is no log at all', () => [], 'vacuous: node-0 has logged nothing'],
  ])('are UNKNOWN, and hold the gate, where %s', async (_title, seenAs, reason) => {
    const world = await gateWorld({ profile: { logErrors } });
    const { logs } = world.lab;
    world.lab.logs = async (node, options) => (await logs(node, options)).flatMap(seenAs);
    const { verdict } = await gateWith(world, 50);
    expect(verdict.kind).toBe('HOLD');
    expect(verdict.reason).toContain(reason);
  });

  test('are not looked for where the profile does not know them', async () => {
    expect((await gateWith(await gateWorld(), 50)).verdict.kind).toBe('PASS');
  });
});

describe('a lack of memory', () => {
  test('that the engine tells of fails the gate, although the node answers', async () => {
    const world = await gateWorld({ topology: { lab: 'docker' } });
    const keeper = world.keeper();
    const killed = { current: false };
    const { observe } = world.lab;
    world.lab.observe = async (node, options) => ({
      ...(await observe(node, options)),
      wasOomKilled: killed.current && node.name === 'node-0',
    });
    const { result } = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(2000);
    killed.current = true;
    expect((await world.until(result)).verdict).toMatchObject({
      kind: 'FAIL',
      reason: expect.stringContaining('out-of-memory of node-0 was BAD in 2 of 8 slots') as string,
    });
    await keeper.close();
  });
});
