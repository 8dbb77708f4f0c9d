import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { checkLedger, type LedgerCheck } from '../../../src/load/check-ledger.ts';
import type { AcknowledgedTransaction } from '../../../src/load/ledger.ts';
import type { SystemProfile } from '../../../src/spec/profile.ts';
import { FakeChain } from './fake-chain.ts';

const nodes = ['a', 'b', 'c'];

/** Ten transactions in ten blocks, each acknowledged with its height. */
function world(): { chain: FakeChain; acknowledged: AcknowledgedTransaction[] } {
  const chain = new FakeChain(nodes);
  chain.commit();
  const acknowledged = Array.from({ length: 10 }, (_, index) => {
    const id = `tx-${index}`;
    return { id, node: nodes[index % 3] ?? '', height: chain.commit(id) };
  });
  return { chain, acknowledged };
}

function check(
  { chain, acknowledged }: ReturnType<typeof world>,
  profile: Partial<SystemProfile> = {},
): Promise<LedgerCheck> {
  return checkLedger({
    profile: { ...chain.profile, ...profile },
    clients: chain.clients,
    ledger: { acknowledged },
    clock: createVirtualClock(),
  });
}

describe('the check of the ledger', () => {
  test('finds nothing wrong when every acknowledged transaction stands once on every node', async () => {
    expect(await check(world())).toEqual({ lost: [], duplicated: [], unchecked: 0 });
  });

  test('finds a transaction that is missing on a single node', async () => {
    const given = world();
    const block = given.chain.blocks.get('b')?.[4];
    expect(block?.splice(0)).toEqual(['tx-3']);
    expect(await check(given)).toEqual({ lost: ['tx-3'], duplicated: [], unchecked: 0 });
  });

  test('finds a transaction that stands in two blocks, or twice in one', async () => {
    const given = world();
    given.chain.blocks.get('c')?.[6]?.push('tx-2');
    given.chain.blocks.get('a')?.[8]?.push('tx-7');
    const { lost, duplicated } = await check(given);
    expect(lost).toEqual([]);
    expect(duplicated.sort()).toEqual(['tx-2', 'tx-7']);
  });

  test('finds a second copy in a block after the last acknowledged one', async () => {
    const given = world();
    given.chain.commit();
    given.chain.commit('tx-0');
    expect((await check(given)).duplicated).toEqual(['tx-0']);
  });

  test('takes no notice of transactions that were not acknowledged', async () => {
    const given = world();
    given.chain.commit('stranger');
    given.chain.commit('stranger');
    expect(await check(given)).toEqual({ lost: [], duplicated: [], unchecked: 0 });
  });

  test('waits for a node that lags, and calls nothing lost that it will have', async () => {
    const given = world();
    const full = given.chain.blocks.get('b') ?? [];
    const late = full.splice(5);
    let asked = 0;
    const { probe } = given.chain.profile;
    const result = await check(given, {
      probe: async (client) => {
        if (++asked === 12) full.push(...late);
        return probe(client);
      },
    });
    expect(asked).toBeGreaterThanOrEqual(12);
    expect(result).toEqual({ lost: [], duplicated: [], unchecked: 0 });
  });

  test('does not say that nothing is lost when a node could not be asked', async () => {
    const given = world();
    given.chain.blocks.get('b')?.splice(5);
    const result = await check(given);
    expect(result).toMatchObject({ lost: [], unchecked: 10 });
    expect(result.reason).toMatch(/^b: did not reach height 11 within 30 s; last seen: height 5$/);
  });

  test('still tells what is missing on the nodes that could be asked', async () => {
    const given = world();
    given.chain.blocks.get('b')?.splice(5);
    given.chain.blocks.get('a')?.[9]?.splice(0);
    expect(await check(given)).toMatchObject({ lost: ['tx-8'], unchecked: 10 });
  });

  test('counts what was acknowledged without a height as unchecked, not as lost', async () => {
    const given = world();
    given.acknowledged.push({ id: 'nowhere', node: 'a' });
    expect(await check(given)).toMatchObject({
      lost: [],
      unchecked: 1,
      reason: expect.stringMatching(/without a height/) as string,
    });
  });

  test('says that it checked nothing where the system does not tell what a block holds', async () => {
    const { chain, acknowledged } = world();
    const { probe } = chain.profile;
    const options = { clients: chain.clients, ledger: { acknowledged }, clock: createVirtualClock() };
    expect(await checkLedger({ ...options, profile: { probe } })).toMatchObject({ unchecked: 10, lost: [] });
    const nothing = await checkLedger({ ...options, ledger: { acknowledged: [] }, profile: { probe } });
    expect(nothing).toEqual({ lost: [], duplicated: [], unchecked: 0 });
  });
});
