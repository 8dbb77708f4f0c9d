import type { NodeLinks } from './topology.ts';

/**
 * Address at which one node of the process lab reaches another: every directed link has its own, so that a proxy knows whose bytes it holds
 * whatever the nodes speak. On Linux all of 127.0.0.0/8 is this machine. The port is always the other node's own, which no other testnet has.
 */
export function linkAddress(from: { index: number }, to: { index: number }): string {
  return `127.77.${from.index + 1}.${to.index + 1}`;
}

/** Where the nodes of a process lab are reached by each other and by clients. */
export function linksOf(node: Named, nodes: readonly Named[]): NodeLinks {
  const peers = nodes.filter(({ name }) => name !== node.name).map((peer) => [peer.name, linkAddress(node, peer)]);
  return { clientAddress: `127.77.0.${node.index + 1}`, peers: Object.fromEntries(peers) as NodeLinks['peers'] };
}

type Named = { name: string; index: number };
