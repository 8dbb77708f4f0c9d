import { LabError } from '../../core/errors.ts';
import type { TopologyNode } from '../../topology/topology.ts';

/** Base URL of one of a node's ports on an address of this machine. */
export function urlOf(node: TopologyNode, port: string, host: string): string {
  const found = node.ports.find(({ name }) => name === port);
  if (!found) {
    const known = node.ports.map(({ name }) => name).join(', ') || 'none';
    throw new LabError(`${node.name} has no port "${port}"; it has: ${known}`, { details: { node: node.name, port } });
  }
  return `http://${host.includes(':') ? `[${host}]` : host}:${found.hostPort}`;
}
