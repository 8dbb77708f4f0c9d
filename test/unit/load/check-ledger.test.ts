import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';
import { checkLedger, type LedgerCheck } from '../../../src/load/check-ledger.ts';
import { ledgerFindings } from '../../../src/load/ledger-findings.ts';
import type { LedgerEntry } from '../../../src/load/ledger.ts';
import type { BlockEvidence, ProbeClient, SystemProfile } from '../../../src/spec/profile.ts';
import { FakeChain } from './fake-chain.ts';

const nodes = ['a', 'b', 'c'];

const nothing = {
  ...{
    lost: [],
    rolledBack: [],
    misplaced: [],
    duplicated: [],
    resurrected: [],
    reordered: [],
    acceptedByMinority: [],
  },
  disagreements: 0,
};

const counts = { sent: 10, acknowledged: 10, rejected: 0, unknown: 0 };

function acknowledged(sequence: number, height?: number): LedgerEntry {
  const [sentAtMs, node] = [1000 * sequence, nodes[sequence % 3] ?? ''];
  const answer = { answeredAtMs: sentAtMs + 50, outcome: 'acknowledged' as const, id: `tx-${sequence}` };
  return { sequence, node, sentAtMs, ...answer, ...(height !== undefined && { height }) };
}

/** Ten transactions in ten blocks, each acknowledged with its height. */
function world(): { chain: FakeChain; entries: LedgerEntry[] } {
  const chain = new FakeChain(nodes);
  chain.commit();
  const entries = Array.from({ length: 10 }, (_, index) => acknowledged(index, chain.commit(`tx-${index}`)));
  return { chain, entries };
}

function check(
  { chain, entries }: ReturnType<typeof world>,
  profile: Partial<SystemProfile> = {},
  isMinority?: (entry: LedgerEntry) => boolean,
): Promise<LedgerCheck> {
  return checkLedger({
    isMinority,
    profile: { ...chain.profile, ...profile },
    clients: chain.clients,
    ledger: { entries },
    clock: createVirtualClock(),
  });
}

describe('the check of the ledger', () => {
  test('finds nothing wrong when every acknowledged transaction stands once on every node', async () => {
    expect(await check(world())).toMatchObject({ ...nothing, unchecked: 0 });
  });

  test('finds a transaction that is missing on a single node', async () => {
    const given = world();
    const block = given.chain.blocks.get('b')?.[4];
    expect(block?.splice(0)).toEqual(['tx-3']);
    const found = await check(given);
    expect(found).toMatchObject({ ...nothing, lost: ['tx-3'], unchecked: 0 });
    expect(ledgerFindings(found, counts).harm).toEqual([
      '1 acknowledged transactions were lost: transaction tx-3, acknowledged by a at height 5, is missing on b',
    ]);
  });

  test('finds a transaction that stands in two blocks, or twice in one', async () => {
    const given = world();
    given.chain.blocks.get('c')?.[6]?.push('tx-2');
    given.chain.blocks.get('a')?.[8]?.push('tx-7');
    const { lost, duplicated } = await check(given);
    expect(lost).toEqual([]);
    expect([...duplicated].sort()).toEqual(['tx-2', 'tx-7']);
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
    expect(await check(given)).toMatchObject({ ...nothing, unchecked: 0 });
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
    expect(result).toMatchObject({ ...nothing, unchecked: 0 });
  });

  test('does not say that nothing is lost when a node could not be asked', async () => {
    const given = world();
    given.chain.blocks.get('b')?.splice(5);
    const result = await check(given);
    expect(result).toMatchObject({ lost: [], unchecked: 6 });
    expect(result.reason).toBe('heights 6 to 11 of b not read: it is at 5');
  });

  test('still tells what is missing on the nodes that could be asked', async () => {
    const given = world();
    given.chain.blocks.get('b')?.splice(5);
    given.chain.blocks.get('a')?.[9]?.splice(0);
    expect(await check(given)).toMatchObject({ lost: ['tx-8'], unchecked: 5 });
  });

  test('counts what was acknowledged without a height as unchecked, not as lost', async () => {
    const given = world();
    given.entries.push(acknowledged(10));
    expect(await check(given)).toMatchObject({
      lost: [],
      unchecked: 1,
      reason: expect.stringMatching(/without a height/) as string,
    });
  });

  test('says that it checked nothing where the system does not tell what a block holds', async () => {
    const { chain, entries } = world();
    const { probe } = chain.profile;
    const options = { clients: chain.clients, ledger: { entries }, clock: createVirtualClock() };
    expect(await checkLedger({ ...options, profile: { probe } })).toMatchObject({ unchecked: 10, lost: [] });
    const nothing = await checkLedger({ ...options, ledger: { entries: [] }, profile: { probe } });
    expect(nothing).toEqual({ ...nothing, unchecked: 0 });
  });

  test('calls lost what no node has any more, however high the network was when it was acknowledged', async () => {
    const given = world();
    for (const blocks of given.chain.blocks.values()) blocks.splice(8);
    expect(await check(given)).toMatchObject({ ...nothing, lost: ['tx-7', 'tx-8', 'tx-9'], unchecked: 0 });
  });

  test('finds on the chain what was refused for good', async () => {
    const given = world();
    given.entries.push({ ...acknowledged(10), outcome: 'rejected' });
    given.chain.commit('tx-10');
    expect((await check(given)).resurrected).toEqual(['tx-10']);
  });

  test('tells what stands elsewhere than was acknowledged apart from what is lost', async () => {
    const given = world();
    for (const blocks of given.chain.blocks.values()) blocks[7]?.push(...(blocks[4]?.splice(0) ?? []));
    expect(await check(given)).toMatchObject({ ...nothing, misplaced: ['tx-3'], unchecked: 0 });
  });

  test('finds heights at which nodes hold different blocks, and names them', async () => {
    const given = world();
    const blockAt = async (client: ProbeClient, height: number): Promise<BlockEvidence> => {
      const other = height === 6 && (await client.getText('', '')) === 'b' ? '-else' : '';
      return { height, hashes: { block: `hash-${height}${other}` } };
    };
    const found = await check(given, { blockAt });
    expect(found).toMatchObject({ ...nothing, disagreements: 1, unchecked: 0 });
    expect(ledgerFindings(found, counts).harm.join()).toMatch(
      /^nodes disagree at 1 heights: height 6 is not the same on all nodes \(a, c: block hash-6 \| b: block hash-6-else\)/,
    );
  });

  test('counts what the smaller side acknowledged, and then lost, apart where the system says that it rolls back', async () => {
    const given = world();
    const isMinority = ({ node }: LedgerEntry): boolean => node === 'b';
    for (const blocks of given.chain.blocks.values()) for (const at of [3, 4]) blocks[at]?.splice(0);
    const found = await check(given, { minorityWrites: 'rolled-back' }, isMinority);
    // Of b are 1, 4 and 7; the blocks of 2 and 3 were emptied.
    expect(found).toMatchObject({ ...nothing, lost: ['tx-2', 'tx-3'] });
    for (const blocks of given.chain.blocks.values()) blocks[5]?.splice(0);
    const more = await check(given, { minorityWrites: 'rolled-back' }, isMinority);
    expect(more).toMatchObject({ ...nothing, lost: ['tx-2', 'tx-3'], rolledBack: ['tx-4'], unchecked: 0 });
  });

  test('holds a system to its word that the smaller side acknowledges nothing, and calls its losses lost', async () => {
    const given = world();
    for (const blocks of given.chain.blocks.values()) blocks[5]?.splice(0);
    const found = await check(given, {}, ({ node }) => node === 'b');
    expect(found).toMatchObject({ ...nothing, lost: ['tx-4'], acceptedByMinority: ['tx-1', 'tx-4', 'tx-7'] });
  });

  test('still reads what can be read, without waiting for anybody, when the run was ended', async () => {
    const given = world();
    given.chain.blocks.get('b')?.splice(5);
    const clock = createVirtualClock();
    const options = { profile: given.chain.profile, clients: given.chain.clients, clock };
    const found = await checkLedger({ ...options, ledger: { entries: given.entries }, signal: AbortSignal.abort() });
    expect(found).toMatchObject({ lost: [], unchecked: 6 });
    expect(clock.monotonicMs()).toBeLessThan(1_000);
  });
});
