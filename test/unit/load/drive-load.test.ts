import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AbortedError } from '../../../src/core/errors.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { driveLoad, type LoadFigures } from '../../../src/load/drive-load.ts';
import { openLedger } from '../../../src/load/ledger.ts';
import { passTime } from '../../helpers/idle-disk.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';
import { FakeChain } from './fake-chain.ts';

async function world() {
  const chain = new FakeChain(['a', 'b', 'c']);
  const clock = createVirtualClock({ isAutomatic: false });
  const ledger = await openLedger(join(await temporaryFolder(), 'ledger.jsonl'), { clock });
  const figures: LoadFigures[] = [];
  const [interrupt, hurry] = [new AbortController(), new AbortController()];
  const { profile, clients } = chain;
  const begin = (perSecond: number, forMs: number, nodes: readonly string[] = ['a', 'b', 'c']) => {
    const result = driveLoad({
      ...{ profile, readers: clients, perSecond, forMs, ledger, clock, label: 'load' },
      clients: new Map([...clients].filter(([name]) => nodes.includes(name))),
      onFigures: (one) => figures.push(one),
      signal: interrupt.signal,
      hurry: hurry.signal,
    });
    return result.finally(() => ledger.close());
  };
  return { chain, clock, ledger, figures, interrupt, hurry, begin };
}

describe('a load of its own', () => {
  test('ends by itself after its time, tells figures each second, and finds every acknowledged transaction', async () => {
    const { clock, figures, begin } = await world();
    const result = begin(40, 5_000);
    await passTime(clock, 5_500);
    const { sent, acknowledged, perSecond: rate, ...rest } = await result;
    expect(rest).toMatchObject({
      ...{ verdict: 'passed', isInterrupted: false, elapsedMs: 5_000, due: 200 },
      check: { lost: [], duplicated: [], unchecked: 0 },
    });
    // The last one is due in the moment in which it ends.
    expect(sent).toBeGreaterThanOrEqual(199);
    expect(acknowledged).toBe(sent);
    expect(rate).toBeCloseTo(sent / 5);
    expect(figures.map(({ elapsedMs }) => elapsedMs)).toEqual([1_000, 2_000, 3_000, 4_000, 5_000]);
    for (const { perSecond } of figures) expect(Math.abs(perSecond - 40)).toBeLessThanOrEqual(1);
  });

  test('goes to the named nodes alone, and what they acknowledged must be on every node', async () => {
    const { chain, clock, begin } = await world();
    const result = begin(20, 2_000, ['b']);
    await passTime(clock, 1_900);
    chain.blocks.set(
      'c',
      (chain.blocks.get('c') ?? []).map((block, at) => (at === 3 ? [] : block)),
    );
    await passTime(clock, 600);
    const { verdict, reason, check } = await result;
    expect(new Set(chain.submitted.map(({ node }) => node))).toEqual(new Set(['b']));
    expect(check?.lost).toEqual(['load-3']);
    expect({ verdict, reason }).toEqual({
      verdict: 'failed',
      reason:
        '1 acknowledged transactions were lost: transaction load-3, acknowledged by b at height 4, is missing on c',
    });
  });

  test('tells errors apart, and says nothing of a system that acknowledges none', async () => {
    const { chain, clock, figures, begin } = await world();
    chain.answer = (_node, sequence) =>
      sequence % 2 === 0 ? Promise.resolve({ outcome: 'rejected', reason: 'full' }) : Promise.reject(new Error('gone'));
    const result = begin(20, 2_000);
    await passTime(clock, 2_500);
    const { sent, acknowledged, rejected, unknown, verdict, reason } = await result;
    expect(sent).toBeGreaterThanOrEqual(39);
    expect({ acknowledged, verdict, reason }).toEqual({
      acknowledged: 0,
      verdict: 'inconclusive',
      reason: `none of ${sent} transactions was acknowledged`,
    });
    expect([rejected, unknown]).toEqual([Math.ceil(sent / 2), Math.floor(sent / 2)]);
    expect(figures.at(0)).toMatchObject({ perSecond: 0 });
    expect(figures.at(0)).not.toHaveProperty('latencyP50Ms');
  });

  test('a load that is interrupted sends no more, and still looks for what was acknowledged', async () => {
    const { chain, clock, interrupt, begin } = await world();
    const result = begin(20, 60_000);
    await passTime(clock, 3_000);
    interrupt.abort(new AbortedError('interrupted'));
    await passTime(clock, 500);
    const { isInterrupted, verdict, sent, check } = await result;
    expect({ isInterrupted, verdict, sent, unchecked: check?.unchecked }).toEqual({
      isInterrupted: true,
      verdict: 'passed',
      sent: chain.submitted.length,
      unchecked: 0,
    });
    expect(sent).toBeGreaterThan(50);
  });

  test('interrupted twice it leaves the look out, and does not call that a pass', async () => {
    const { clock, interrupt, hurry, begin } = await world();
    const result = begin(20, 60_000);
    await passTime(clock, 1_000);
    interrupt.abort(new AbortedError('interrupted'));
    hurry.abort(new AbortedError('interrupted twice'));
    await passTime(clock, 500);
    const { verdict, reason, check } = await result;
    expect(check).toBeUndefined();
    expect({ verdict, reason }).toEqual({
      verdict: 'inconclusive',
      reason: 'what was acknowledged was not looked for',
    });
  });

  test('a ledger that can no longer be written ends the load at once as an error of the lab', async () => {
    const { clock, ledger, begin } = await world();
    ledger.intend = () => Promise.reject(new Error('no space left'));
    ledger.seal = () => Promise.reject(new Error('the ledger could not be written'));
    const result = begin(20, 60_000).catch((error: unknown) => error);
    await passTime(clock, 2_500);
    expect(await result).toMatchObject({
      code: 'lab',
      message: expect.stringContaining('could not be written') as string,
    });
  });
});
