import { expect, test } from 'vitest';
import { requireAdoptable, type AdoptInputs } from '../../../src/engine/adopt.ts';
import type { ProbeClient } from '../../../src/spec/profile.ts';
import type { Topology } from '../../../src/topology/topology.ts';

/** What a node says: its height, and the hash that it holds at any height; nothing of it, where it says nothing. */
interface Told {
  height?: number;
  hash?: string;
}

function adopted(told: Record<string, Told>): Promise<void> {
  const nodes = Object.keys(told).map((name) => ({ name })) as Topology['nodes'];
  const toldBy = (client: ProbeClient): Told => told[client as unknown as string] ?? {};
  return requireAdoptable({
    topology: { nodes } as Topology,
    lab: { observe: async (node) => ({ node: node.name, state: 'running', identity: {} }) } as AdoptInputs['lab'],
    client: (node) => node as unknown as ProbeClient,
    profile: {
      probe: async (client) => {
        const { height } = toldBy(client);
        if (height === undefined) throw new Error('no answer');
        return { height };
      },
      blockAt: async (client, height) => {
        const { hash } = toldBy(client);
        if (hash === undefined) throw new Error('pruned');
        return { height, hashes: { block: hash } };
      },
    },
  });
}

const ours = { height: 9, hash: 'x' };

test('nodes of one chain are adopted, also one that has nothing of it yet', async () => {
  await expect(adopted({ a: ours, b: { ...ours, height: 5 }, c: { height: 0 } })).resolves.toBeUndefined();
  await expect(adopted({ a: { height: 0 }, b: { height: 0 } })).resolves.toBeUndefined();
});

test.each<[string, Record<string, Told>, string]>([
  ['holds another block', { c: { height: 5, hash: 'y' } }, 'at height 5 c holds another block than the rest'],
  ['does not tell its block', { c: { height: 5 } }, 'c does not tell its block at 5, and could be of another chain'],
  ['does not tell its height', { c: { hash: 'x' } }, 'c does not tell its height, and could be of another chain'],
])('where one %s nothing is adopted', async (_what, other, message) => {
  await expect(adopted({ a: ours, b: ours, ...other })).rejects.toThrow(`nothing was adopted: ${message}`);
});
