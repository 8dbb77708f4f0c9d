import { createServer } from 'node:net';
import { join } from 'node:path';
import { sha256 } from '../core/canonical.ts';
import { LabError } from '../core/errors.ts';
import { readJsonFile, writeFileAtomic } from '../core/files.ts';

/** What is chosen once for a testnet and then kept: an input of every later resolution. Holds no secrets. */
export interface Allocation {
  /** Host ports by `<node>/<port name>` and `monitoring/<service>`. */
  ports: Record<string, number>;
  /** Container labs: the network's /24, as in 10.214.7.0/24. */
  subnet?: string;
  /** Last octet of each container's address. */
  hosts: Record<string, number>;
  /** Public halves of the nodes' identities. */
  publicKeys: Record<string, string>;
  /** Public half of the group identity, and the sorted names of the nodes that it was made for. */
  group?: { publicKey: string; members: string[] };
}

export interface AllocationNeeds {
  /** State folder of the testnet. The search for ports and a subnet begins at a place of its own, so that projects that are not up do not meet. */
  owner: string;
  /** Keys of all ports that need a host port. */
  ports: readonly string[];
  /** Names that need an address in the network, nodes and monitoring services. Empty on the process lab. */
  hosts: readonly string[];
  /** Host address that the ports will be published on. */
  bindAddress: string;
  /** Allocations of the other testnets here, whose ports and subnets are not to be used. */
  others: readonly Allocation[];
  /** Subnets that the machine already uses, as CIDR. */
  usedSubnets: readonly string[];
}

const firstPort = 21_000;
const lastPort = 29_999;
const portCount = lastPort - firstPort + 1;

/** The stored allocation, or an empty one. */
export async function readAllocation(stateDir: string): Promise<Allocation> {
  const stored = await readJsonFile<Allocation>(allocationFile(stateDir));
  return stored ?? { ports: {}, hosts: {}, publicKeys: {} };
}

export async function writeAllocation(stateDir: string, allocation: Allocation): Promise<void> {
  await writeFileAtomic(allocationFile(stateDir), `${JSON.stringify(allocation, null, 2)}\n`);
}

function allocationFile(stateDir: string): string {
  return join(stateDir, 'allocation.json');
}

/** Adds what is missing and keeps what is there, so that a testnet keeps its addresses for life. */
export async function extendAllocation(current: Allocation, needs: AllocationNeeds): Promise<Allocation> {
  const taken = new Set([current, ...needs.others].flatMap((allocation) => Object.values(allocation.ports)));
  const ports = { ...current.ports };
  const offset = placeOf(needs.owner);
  let tried = 0;
  for (const key of needs.ports) {
    while (ports[key] === undefined) {
      if (tried === portCount)
        throw new LabError(`no free port is left between ${firstPort} and ${lastPort} on ${needs.bindAddress}`);
      const candidate = firstPort + ((offset + tried++) % portCount);
      if (!taken.has(candidate) && (await isFree(candidate, needs.bindAddress))) ports[key] = candidate;
    }
  }
  const hosts = { ...current.hosts };
  let octet = 10;
  for (const name of needs.hosts) {
    while (Object.values(hosts).includes(octet)) octet++;
    hosts[name] ??= octet;
  }
  const subnet = current.subnet ?? (needs.hosts.length > 0 ? freeSubnet(needs) : undefined);
  return { ...current, ports, hosts, ...(subnet !== undefined && { subnet }) };
}

/**
 * 10.214.0.0/16 is ours to cut into /24s, but for what another testnet or another program already uses. Two projects that are brought up at the same
 * time see nothing of each other yet, and begin to look at places of their own.
 */
function freeSubnet({ owner, others, usedSubnets }: AllocationNeeds): string {
  const used = [...usedSubnets, ...others.flatMap((allocation) => allocation.subnet ?? [])].map(toRange);
  for (let tried = 0; tried < 256; tried++) {
    const subnet = `10.214.${(placeOf(owner) + tried) % 256}.0/24`;
    const range = toRange(subnet);
    if (!used.some((other) => other.first <= range.last && range.first <= other.last)) return subnet;
  }
  throw new LabError('no free subnet is left in 10.214.0.0/16; `seatrial down` testnets that are no longer needed');
}

function placeOf(owner: string): number {
  return Number.parseInt(sha256(owner).slice(0, 8), 16);
}

function toRange(cidr: string): { first: number; last: number } {
  const [address = '', bits = '32'] = cidr.split('/');
  const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(value / size) * size;
  return { first, last: first + size - 1 };
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
