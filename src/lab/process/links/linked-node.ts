import type { TopologyNode } from '../../../topology/topology.ts';
import type { LinkedNode } from './link-proxy.ts';

/** What the proxy needs of a node; undefined for one without links. */
export function linkedNode(node: TopologyNode | undefined): LinkedNode | undefined {
  if (!node?.links) return undefined;
  const { name, index, bindAddress, links } = node;
  return {
    name,
    index,
    bindAddress,
    links,
    ports: node.ports.map((port) => ({ name: port.name, port: port.hostPort })),
  };
}
