import { abortedError, type Clock } from '../core/clock.ts';
import { AbortedError, messageOf } from '../core/errors.ts';
import { mapConcurrent } from '../core/wait.ts';
import type { ProbeClient, SystemProfile } from '../spec/profile.ts';
import { joinGaps } from './node-chain.ts';
import type { ChainBlock, ChainGap, ChainReadings, NodeChain } from './node-chain.ts';

export interface ReadChainsOptions {
  profile: Pick<SystemProfile, 'probe' | 'blockAt' | 'transactionsAt'>;
  /** Client by node name, of every node of the testnet: one that is down belongs here as well, and leaves the verdict open. */
  clients: ReadonlyMap<string, ProbeClient>;
  /** First height that is read. Default 1. */
  from?: number;
  /** Height that every node must reach, as that which a client was told; beside the highest one that any of them claims at the beginning. */
  atLeast?: number;
  clock: Clock;
  signal?: AbortSignal | undefined;
  /** Time for a node that lags or does not answer yet, in ms. Default 30 000. */
  catchUpMs?: number;
  /** Time for all of it, in ms; what could not be read by then is a gap. Default 120 000. */
  timeoutMs?: number;
  /** What an earlier call has read; only what is missing of it is asked for. */
  known?: ChainReadings;
}

const nodesAtOnce = 8;
const heightsAtOnce = 8;
const triesPerHeight = 3;
const pollMs = 250;
/** A node that claims more than this above `from` is not believed. */
const maxHeights = 1_000_000;
/** After so many heights in a row without an answer the rest of a node is left alone. */
const patience = 16;

/** Reads what every node holds at every height up to the highest that any claims. Rejects only when the signal is aborted. */
export async function readChains(options: ReadChainsOptions): Promise<ChainReadings> {
  const { clients, clock, signal, known, from = known?.from ?? 1, atLeast = 0 } = options;
  const { catchUpMs = 30_000, timeoutMs = 120_000 } = options;
  const startMs = clock.monotonicMs();
  const endMs = startMs + timeoutMs;
  const nodes = [...clients];
  const first = await mapConcurrent(nodes, nodesAtOnce, ([, client]) => claimedHeight(options, client));
  const claimed = first.flatMap((one) => (typeof one === 'number' ? one : []));
  const to = Math.max(atLeast, known?.to ?? 0, ...claimed);
  const chains = await mapConcurrent(nodes, nodesAtOnce, ([node, client]) => {
    const reader = { ...options, node, client, endMs, reachByMs: Math.min(startMs + catchUpMs, endMs) };
    return readNode(reader, from, to, known?.chains.find((chain) => chain.node === node)?.blocks);
  });
  if (signal?.aborted) throw abortedError(signal);
  return { from, to, chains };
}

interface NodeReader extends ReadChainsOptions {
  node: string;
  client: ProbeClient;
  endMs: number;
  reachByMs: number;
}

async function readNode(
  reader: NodeReader,
  from: number,
  to: number,
  known: ReadonlyMap<number, ChainBlock> = new Map(),
): Promise<NodeChain> {
  const { node, clock, endMs } = reader;
  const blocks = new Map(known);
  const height = await reached(reader, to);
  if (typeof height === 'string')
    return { node, blocks: new Map(), gaps: from > to ? [] : [{ from, to, reason: height }] };
  if (Math.min(height, to) - from >= maxHeights) {
    const reason = `it claims height ${height}: more than ${maxHeights} heights to read`;
    return { node, height, blocks: new Map(), gaps: [{ from, to, reason }] };
  }
  const wanted: number[] = [];
  for (let at = from; at <= Math.min(height, to); at++) if (!blocks.has(at)) wanted.push(at);
  const gaps: ChainGap[] = height < to ? [{ from: Math.max(from, height + 1), to, reason: `it is at ${height}` }] : [];
  let silent = 0;
  await mapConcurrent(wanted, heightsAtOnce, async (at) => {
    const block =
      silent >= patience
        ? 'it stopped answering'
        : clock.monotonicMs() >= endMs
          ? 'the time for the check was over'
          : await blockOf(reader, at);
    if (typeof block !== 'string') {
      silent = 0;
      blocks.set(at, block);
    } else {
      silent++;
      gaps.push({ from: at, to: at, reason: block });
    }
  });
  return { node, height, blocks, gaps: joinGaps(gaps) };
}

/** Waits until the node has this height; returns the one that it has in the end, or why it is not known. */
async function reached(reader: NodeReader, wanted: number): Promise<number | string> {
  const { clock, signal, reachByMs } = reader;
  for (;;) {
    const height = await claimedHeight(reader, reader.client);
    if (typeof height === 'number' && height >= wanted) return height;
    if (clock.monotonicMs() >= reachByMs) return height;
    await clock.sleep(pollMs, signal);
  }
}

async function claimedHeight(
  { profile, signal }: Pick<ReadChainsOptions, 'profile' | 'signal'>,
  client: ProbeClient,
): Promise<number | string> {
  try {
    if (signal?.aborted) throw abortedError(signal);
    return (await profile.probe(client)).height ?? 'it does not tell its height';
  } catch (error) {
    if (error instanceof AbortedError) throw error;
    return messageOf(error);
  }
}

/** A text is why it is not known. An answer that failed may have been bad luck; that there is no such block is an answer. */
async function blockOf({ profile, client, clock, signal }: NodeReader, height: number): Promise<ChainBlock | string> {
  for (let tries = 1; ; tries++) {
    try {
      if (signal?.aborted) throw abortedError(signal);
      const block = await profile.blockAt?.(client, height);
      if (profile.blockAt && !block) return 'it does not have them';
      const transactions = await profile.transactionsAt?.(client, height);
      return {
        ...(block && { hashes: block.hashes }),
        ...(block?.commit && { commit: block.commit }),
        ...(transactions && { transactions }),
      };
    } catch (error) {
      if (error instanceof AbortedError) throw error;
      if (tries >= triesPerHeight) return messageOf(error);
      await clock.sleep(pollMs, signal);
    }
  }
}
