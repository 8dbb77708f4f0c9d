import { describe, expect, test } from 'vitest';
import { blockHash } from '../../../node/chain.ts';
import type { Block, Proposal, Vote } from '../../../node/chain.ts';
import { Equivocator } from '../../../node/equivocator.ts';
import { testChain } from './identities.ts';
import { Simulation } from './simulation.ts';
import { storm, stormMs } from './storm.ts';

const chain = testChain();
const withLiars = (seed: number, ...liars: string[]) => new Simulation(seed, testChain(), null, liars);

describe('one validator of four that signs everything twice', () => {
  const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

  test.each(seeds)('cannot make the others commit two blocks at one height, in a storm (seed %i)', (seed) => {
    const liar = chain.ids[seed % 4] ?? '';
    const simulation = storm(seed, withLiars(seed, liar));
    const before = Math.max(...simulation.heights);
    simulation.makePeace();
    simulation.runUntil(stormMs + 8_000);
    expect(simulation.signedTwice.size).toBeGreaterThan(20);
    expect([...simulation.signedTwice].every((what) => what.startsWith(`${liar} `))).toBe(true);
    const honest = simulation.heights.filter((_, index) => chain.ids[index] !== liar);
    expect(Math.min(...honest)).toBeGreaterThanOrEqual(before + 5);
    expect(simulation.includedTransactions).toBeGreaterThan(0);
  });
});

describe('two validators of four that sign everything twice', () => {
  test.each([1, 2, 3])('make the others commit two blocks at one height (seed %i)', (seed) => {
    const simulation = withLiars(seed, 'validator-0', 'validator-1');
    const run = (): void => {
      for (const id of simulation.chain.ids) simulation.boot(id);
      simulation.runUntil(20_000);
    };
    expect(run).toThrow(/^height \d+: committed both /);
  });

  test.each([1, 2, 3, 4, 5, 6])('leave every node with a chain of its own that it can open again (seed %i)', (seed) => {
    const simulation = withLiars(seed, 'validator-0', 'validator-1');
    simulation.goesOnAfterForks = true;
    const { ids } = simulation.chain;
    for (const id of ids) simulation.boot(id);
    simulation.runUntil(30_000);
    expect(simulation.forks.size).toBeGreaterThan(0);
    const before = simulation.heights;
    for (const id of ids) simulation.crash(id);
    for (const id of ids) simulation.boot(id);
    expect(simulation.heights).toEqual(before);
  });

  test('do so as soon as a third one is away, when they wait for that, and not before', () => {
    const equivocator = new Equivocator({
      ...{ id: 'validator-0', ids: chain.ids, chainId: 'test', sign: chain.sign('validator-0') },
      awayMs: 2000,
    });
    const all = new Set(chain.ids.slice(1));
    const two = new Set(chain.ids.slice(2));
    // Before it has seen all of them they are not away, they have not come yet.
    expect(equivocator.isActive(two, 10_000)).toBe(false);
    expect(equivocator.isActive(all, 11_000)).toBe(false);
    expect([12_000, 13_900, 14_000].map((now) => equivocator.isActive(two, now))).toEqual([false, false, true]);
    expect(equivocator.isActive(all, 15_000)).toBe(false);
    expect(equivocator.isActive(two, 16_000)).toBe(false);
  });
});

describe('a second signature', () => {
  const sign = chain.sign('validator-0');
  const block: Block = {
    height: 5,
    previousHash: 'p',
    appHash: 'a',
    time: 1,
    proposer: 'validator-0',
    transactions: [],
  };
  const proposal: Proposal = {
    ...{ type: 'proposal', height: 5, round: 0, validRound: -1, block, validator: 'validator-0', signature: '' },
  };
  const vote = (hash: string | null): Vote => ({
    ...{ type: 'vote', kind: 'prevote', height: 5, round: 0, block: hash, validator: 'validator-0', signature: '' },
  });
  const liar = () => new Equivocator({ id: 'validator-0', ids: chain.ids, chainId: 'test', sign, awayMs: 0 });

  test('is of another block, and the two halves of the peers hear the two in opposite order', () => {
    const equivocator = liar();
    const twin = equivocator.twinOf(proposal) as Proposal;
    expect(blockHash(twin.block)).not.toBe(blockHash(block));
    const [own, other] = [blockHash(block), blockHash(twin.block)];
    const heardBy = (peer: string) =>
      equivocator.messagesFor(peer, vote(own), vote(other)).map((message) => (message as Vote).block);
    expect(heardBy('validator-2')).toEqual([own, other]);
    expect(heardBy('validator-1')).toEqual([other, own]);
    expect(heardBy('validator-3')).toEqual([other, own]);
    expect((equivocator.twinOf(vote(own)) as Vote).block).toBe(other);
  });

  test('is for a block where the first is for none, against all where no other block is known, else there is none', () => {
    const equivocator = liar();
    expect(equivocator.twinOf(vote(null))).toBeNull();
    equivocator.note(proposal);
    expect((equivocator.twinOf(vote(null)) as Vote).block).toBe(blockHash(block));
    expect((equivocator.twinOf(vote(blockHash(block))) as Vote).block).toBeNull();
    expect(equivocator.messagesFor('validator-1', vote(null), null)).toHaveLength(1);
  });
});
