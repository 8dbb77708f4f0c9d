import { didYouMean } from '../core/nearest.ts';
import type { LoadedSpec } from './load.ts';
import type { SystemProfile } from './profile.ts';
import type { NodeSettings } from './testnet.ts';

type Complain = (message: string, path: PropertyKey[], at?: 'key' | 'value') => void;

/** What the file of an attached testnet must say of its nodes' endpoints, and what it cannot decide for nodes that are not ours. */
export function complainOfAttached(
  { spec }: LoadedSpec,
  profile: SystemProfile,
  nodes: readonly { name: string; role: string }[],
  complain: Complain,
): void {
  const { attach } = spec;
  if (spec.lab !== 'attached') {
    if (attach !== undefined) complain('attach is for lab: attached, whose nodes others started', ['attach'], 'key');
    return;
  }
  complainOfEndpoints(attach ?? {}, profile, nodes, complain);
  const settings = {
    releases: Object.keys(spec.releases).length > 0,
    monitoring: spec.monitoring !== false,
    images: spec.images !== undefined,
    backups: spec.backups !== undefined,
    bind: spec.bind !== '127.0.0.1',
  };
  for (const [name, isSet] of Object.entries(settings)) {
    if (isSet) complain(`${name} is for nodes that Seatrial starts; remove it, the nodes are not ours`, [name], 'key');
  }
  const groups: Record<string, Record<string, number | NodeSettings>> = {
    nodes: spec.nodes,
    overrides: spec.overrides ?? {},
  };
  for (const [group, entries] of Object.entries(groups)) {
    for (const [name, value] of Object.entries(entries)) {
      if (typeof value === 'number') continue;
      for (const setting of ['flags', 'env', 'memoryMb', 'cpus'] as const) {
        if (value[setting] === undefined) continue;
        complain(`${setting} cannot be set on a node that is not ours; remove it`, [group, name, setting], 'key');
      }
    }
  }
}

function complainOfEndpoints(
  attach: Record<string, Record<string, string>>,
  profile: SystemProfile,
  nodes: readonly { name: string; role: string }[],
  complain: Complain,
): void {
  const names = nodes.map(({ name }) => name);
  const ownerOf = new Map<string, string>();
  for (const [name, endpoints] of Object.entries(attach)) {
    const node = nodes.find((one) => one.name === name);
    if (!node) {
      complain(`there is no node ${name}${didYouMean(name, names)}`, ['attach', name], 'key');
      continue;
    }
    const ports = Object.keys(profile.roles[node.role]?.ports ?? {});
    for (const [port, url] of Object.entries(endpoints)) {
      const path = ['attach', name, port];
      if (!ports.includes(port)) complain(`a ${node.role} has no port ${port}${didYouMean(port, ports)}`, path, 'key');
      const key = endpointKey(url);
      const owner = ownerOf.get(key) ?? name;
      ownerOf.set(key, owner);
      if (owner !== name) complain(`${url} is the endpoint of ${owner} already; one process cannot be two nodes`, path);
    }
    for (const port of neededPorts(profile)) {
      if (endpoints[port] === undefined)
        complain(`${name} has no endpoint for ${port}, which the probes of ${profile.name} ask`, ['attach', name]);
    }
  }
  for (const name of names) {
    if (!Object.hasOwn(attach, name))
      complain(`${name} has no endpoints; say where it answers under attach:`, ['attach']);
  }
}

function neededPorts({ liveness, metrics }: SystemProfile): Set<string> {
  return new Set([liveness.port, ...(metrics ? [metrics.port] : [])]);
}

/** The names of one address: `localhost`, a default port and a slash at the end make no other endpoint. */
function endpointKey(url: string): string {
  const { host, pathname } = new URL(url);
  return host.replace(/^localhost(?=:|$)/, '127.0.0.1') + pathname.replace(/\/+$/, '');
}
