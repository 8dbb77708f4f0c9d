import { describe, expect, test } from 'vitest';
import { blockHash } from '../../../node/chain.ts';
import type { Block } from '../../../node/chain.ts';
import { dealKey } from '../../../node/tss-deal.ts';
import { ThresholdGroup, parseSignature } from '../../../node/tss-group.ts';
import { testChain } from './identities.ts';
import { Simulation } from './simulation.ts';
import type { SimulatedTss } from './simulation.ts';

const chain = testChain();
const key = dealKey(chain.ids);
const group = new ThresholdGroup(key.group);

function run(
  seed: number,
  tss: Omit<SimulatedTss, 'key'>,
  untilMs: number,
  weather?: (of: Simulation) => void,
): Simulation {
  const simulation = new Simulation(seed, chain, { key, ...tss });
  for (const id of chain.ids) simulation.boot(id);
  weather?.(simulation);
  simulation.runUntil(untilMs);
  return simulation;
}

const signersIn = (blocks: readonly Block[]): Set<string> =>
  new Set(blocks.flatMap(({ tss }) => tss?.shares.map(({ validator }) => validator) ?? []));

/** Verifies everything that blocks carry once more, from outside; returns how many combined signatures there are. */
function verify(blocks: readonly Block[]): number {
  let combined = 0;
  for (const { height, previousHash, tss } of blocks) {
    if (tss === undefined) continue;
    const message = JSON.stringify(['tss', chain.genesis.chainId, height - 1, previousHash]);
    expect(blocks.find((block) => block.height === height - 1)).toSatisfy(
      (block: Block) => blockHash(block) === previousHash,
    );
    const shares = tss.shares.map(({ validator, share }) => ({ member: validator, signature: parseSignature(share) }));
    const parsed = shares.flatMap(({ member, signature }) => (signature === null ? [] : [{ member, signature }]));
    expect(parsed).toHaveLength(shares.length);
    const signature = tss.signature === undefined ? undefined : (parseSignature(tss.signature) ?? undefined);
    expect(signature !== undefined).toBe(shares.length >= group.threshold);
    expect(group.areValid(message, parsed, signature)).toBe(true);
    if (signature !== undefined) combined += 1;
  }
  return combined;
}

test('With nobody signing, the blocks carry nothing and are those of a chain that knows no group', () => {
  const off = run(1, { isOn: () => false }, 3000);
  expect(off.blocks.length).toBeGreaterThan(10);
  expect(off.blocks.every((block) => !('tss' in block))).toBe(true);
  const plain = new Simulation(1, chain);
  for (const id of chain.ids) plain.boot(id);
  plain.runUntil(3000);
  expect(off.agreedHashes).toEqual(plain.agreedHashes);
});

test('One validator’s shares are in the blocks and make no signature; three make one in almost every block', () => {
  const one = run(2, { isOn: (id) => id === 'validator-2' }, 3000);
  expect([...signersIn(one.blocks)]).toEqual(['validator-2']);
  expect(verify(one.blocks)).toBe(0);
  expect(one.blocks.filter(({ tss }) => tss).length).toBeGreaterThanOrEqual(one.blocks.length - 2);
  const three = run(2, { isOn: (id) => id !== 'validator-2' }, 3000);
  expect(signersIn(three.blocks)).toEqual(new Set(['validator-0', 'validator-1', 'validator-3']));
  expect(verify(three.blocks)).toBeGreaterThanOrEqual(three.blocks.length - 2);
  expect(three.rejectedShares.size).toBe(0);
});

test('The shares of a validator that signs something else are in no block, it is told, and the chain goes on as fast', () => {
  const wrong = 'validator-1';
  const distort: SimulatedTss['distort'] = (id) =>
    id === wrong ? (height, message) => (height % 2 === 0 ? `${message}!` : message) : null;
  const simulation = run(3, { isOn: () => true, distort }, 3000);
  expect(simulation.blocks.length).toBeGreaterThan(12);
  const bad = simulation.blocks.filter(({ height }) => height % 2 === 1 && height > 1);
  expect(bad.length).toBeGreaterThan(5);
  expect(signersIn(bad).has(wrong)).toBe(false);
  expect(signersIn(simulation.blocks.filter(({ height }) => height % 2 === 0)).has(wrong)).toBe(true);
  expect(verify(simulation.blocks)).toBeGreaterThan(10);
  expect(simulation.rejectedShares.size).toBeGreaterThan(5);
  expect([...simulation.rejectedShares].every((entry) => entry.startsWith(`${wrong} at `))).toBe(true);
  expect(simulation.refusedShares.size).toBeGreaterThan(3);
  expect([...simulation.refusedShares].every((entry) => simulation.rejectedShares.has(entry))).toBe(true);
});

describe('four validators in a storm, some of them signing at times', () => {
  test.each([11, 12])('keep to one chain with good signatures only, and go on afterwards (seed %i)', (seed) => {
    const stormMs = 6000;
    const simulation = run(
      seed,
      {
        isOn: (id) => (chain.ids.indexOf(id) + Math.floor(simulationTime() / 700)) % 3 !== 0,
        distort: (id) => (id === 'validator-3' ? (height, message) => (height % 3 === 0 ? 'x' : message) : null),
      },
      0,
    );
    function simulationTime(): number {
      return simulation.now;
    }
    const { random } = simulation;
    const anyone = (): string => chain.ids[Math.floor(random() * chain.ids.length)] ?? '';
    simulation.weather = {
      loss: { proposal: 0.1, prevote: 0.2, precommit: 0.3, other: 0.3 },
      isolation: 0.2,
      maxDelayMs: 60,
    };
    simulation.every(1500, stormMs, () =>
      random() < 0.5 ? simulation.crash(anyone()) : simulation.crashSoon(anyone()),
    );
    simulation.every(300, stormMs, () => simulation.boot(anyone()));
    simulation.runUntil(stormMs);
    const before = Math.max(...simulation.heights);
    simulation.makePeace();
    simulation.runUntil(stormMs + 3000);
    expect(Math.min(...simulation.heights)).toBeGreaterThanOrEqual(before + 4);
    expect(verify(simulation.blocks)).toBeGreaterThan(0);
    expect(signersIn(simulation.blocks).size).toBe(4);
  });
});
