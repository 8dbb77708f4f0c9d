import { isIP, isIPv6 } from 'node:net';
import type Docker from 'dockerode';
import { nearest } from '../../../core/nearest.ts';
import { LabError } from '../../../core/errors.ts';
import { serviceLabel } from '../../../topology/labels.ts';
import type { Topology } from '../../../topology/topology.ts';
import type { CallOptions } from '../../call-options.ts';
import type { NetworkEnd } from '../../faults.ts';
import { labels } from '../../labels.ts';
import { engineCall } from '../engine-call.ts';
import type { AddressMatch } from './agent/task.ts';

/** The addresses of all members of a testnet, as the engine gave them and as the testnet asks for. */
export interface NetworkEnds {
  /** Rejects with a LabError when it is none, or has no address. */
  match(end: NetworkEnd): AddressMatch;
  addressOf(node: string): string | undefined;
  /** Of nodes and monitoring. */
  all: readonly string[];
}

export async function networkEnds(docker: Docker, topology: Topology, options: CallOptions): Promise<NetworkEnds> {
  const { testnet, nodes, monitoring } = topology;
  const filters = { label: [`${labels.testnet}=${testnet}`] };
  const containers = await engineCall(`look up the addresses of ${testnet}`, options, (abortSignal) =>
    docker.listContainers({ all: true, filters, abortSignal }),
  );
  const members = new Map<string, Set<string>>();
  const add = (name: string, addresses: readonly (string | undefined)[]): void => {
    const known = members.get(name) ?? new Set();
    for (const address of addresses) {
      if (address !== undefined && isIP(address) !== 0 && !isLoopback(address)) known.add(address);
    }
    members.set(name, known);
  };
  for (const { Labels, NetworkSettings } of containers) {
    const name = Labels[labels.node] ?? Labels[serviceLabel];
    if (name === undefined || Labels[labels.helper] !== undefined) continue;
    for (const endpoint of Object.values(NetworkSettings.Networks)) add(name, addressesOf(endpoint));
  }
  for (const { name, address } of nodes) add(name, [address]);
  for (const [name, address] of Object.entries(monitoring?.addresses ?? {})) add(name, [address]);

  const names = nodes.map(({ name }) => name);
  const all = [...members.values()].flatMap((addresses) => [...addresses]);
  return {
    all,
    addressOf: (node) => [...(members.get(node) ?? [])].find((address) => !isIPv6(address)),
    match: (end) => {
      if (end === 'clients') return { isNot: all };
      const name = end === 'monitoring' ? 'prometheus' : end;
      if (end !== 'monitoring' && !names.includes(end)) {
        const known = [...names, 'clients', 'monitoring'];
        const near = nearest(end, known);
        throw new LabError(
          `${testnet} has no end of a network path called "${end}"${near === undefined ? '' : `; did you mean ${near}?`}`,
        );
      }
      const found = [...(members.get(name) ?? [])];
      if (found.length > 0) return { is: found };
      throw new LabError(`${name} of ${testnet} has no address that could be cut off: it was never started`);
    },
  };
}

/** With IPv6 also the address that every interface has from its hardware address. */
function addressesOf(endpoint: { IPAddress: string; GlobalIPv6Address: string; MacAddress: string }): string[] {
  const { IPAddress, GlobalIPv6Address, MacAddress } = endpoint;
  if (GlobalIPv6Address === '') return [IPAddress];
  return [IPAddress, GlobalIPv6Address, ...linkLocalAddress(MacAddress)];
}

/** The modified EUI-64 of a hardware address behind fe80:: (RFC 4291, appendix A). */
export function linkLocalAddress(hardware: string): string[] {
  const bytes = hardware.split(':').map((part) => Number.parseInt(part, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  if (bytes.length !== 6 || bytes.some(Number.isNaN)) return [];
  const group = (high: number, low: number): string => ((high << 8) | low).toString(16);
  return [`fe80::${group(a ^ 2, b)}:${group(c, 0xff)}:${group(0xfe, d)}:${group(e, f)}`];
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
