import type { ProbeClient, SubmitResult, SystemProfile } from '../../../src/spec/profile.ts';

/** A chain in memory: every node of it holds the same blocks, but for what a test takes away or adds. */
export class FakeChain {
  readonly blocks = new Map<string, string[][]>();
  readonly clients: Map<string, ProbeClient>;
  readonly submitted: { node: string; sequence: number; payload: string }[] = [];
  /** Decides the outcome of a submission. Default: acknowledged in a new block. */
  answer: (node: string, sequence: number) => Promise<SubmitResult> | undefined = () => undefined;

  constructor(nodes: readonly string[]) {
    for (const node of nodes) this.blocks.set(node, []);
    // A client is known by its node's name alone.
    this.clients = new Map(nodes.map((node) => [node, { getText: async () => node } as unknown as ProbeClient]));
  }

  get profile(): Required<Pick<SystemProfile, 'submit' | 'transactionsAt' | 'probe'>> {
    return {
      submit: async (client, { sequence, payload }) => {
        const node = await client.getText('', '');
        this.submitted.push({ node, sequence, payload });
        return this.answer(node, sequence) ?? { outcome: 'acknowledged', id: payload, height: this.commit(payload) };
      },
      transactionsAt: async (client, height) => {
        const block = (await this.#blocksOf(client))[height - 1];
        if (!block) throw new Error(`no block ${height}`);
        return block;
      },
      probe: async (client) => ({ height: (await this.#blocksOf(client)).length }),
    };
  }

  /** Adds a block with these transactions on every node; returns its height. */
  commit(...ids: string[]): number {
    for (const blocks of this.blocks.values()) blocks.push([...ids]);
    return Math.max(...[...this.blocks.values()].map((blocks) => blocks.length));
  }

  async #blocksOf(client: ProbeClient): Promise<string[][]> {
    return this.blocks.get(await client.getText('', '')) ?? [];
  }
}
