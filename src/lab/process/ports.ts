import { readFile, readdir, readlink } from 'node:fs/promises';
import { LabError } from '../../core/errors.ts';
import type { TopologyNode } from '../../topology/topology.ts';
import { listPids, readStat } from './proc.ts';

interface Listener {
  /** As /proc/net/tcp writes it: hexadecimal, each group of four bytes in host order. */
  addressHex: string;
  port: number;
  inode: string;
}

const LISTEN = '0A';

/** Throws a LabError that names the port and who holds it when one of the node's ports is taken. */
export async function requireFreePorts(node: TopologyNode): Promise<void> {
  if (node.ports.length === 0) return;
  const listeners = await readListeners();
  for (const { hostPort, name } of node.ports) {
    const taken = listeners.find((entry) => entry.port === hostPort && mayCollide(entry.addressHex, node.bindAddress));
    if (!taken) continue;
    const owner = await ownerOf(taken.inode);
    throw new LabError(
      `port ${node.bindAddress}:${hostPort} needed by ${node.name} is taken by ${
        owner ? `pid ${owner.pid} (${owner.name})` : 'a process that cannot be seen from here'
      }`,
      { details: { node: node.name, port: hostPort, portName: name, pid: owner?.pid } },
    );
  }
}

async function readListeners(): Promise<Listener[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  return tables.flatMap((table) =>
    table.split('\n').flatMap((line): Listener[] => {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const [addressHex, portHex] = local?.split(':') ?? [];
      if (state !== LISTEN || !addressHex || !portHex || !inode) return [];
      return [{ addressHex, port: Number.parseInt(portHex, 16), inode }];
    }),
  );
}

/** A wildcard listener takes the port on every address; otherwise the addresses must be the same. */
function mayCollide(addressHex: string, bindAddress: string): boolean {
  if (/^0+$/.test(addressHex) || bindAddress === '0.0.0.0' || bindAddress === '::') return true;
  const octets = bindAddress.split('.').map(Number);
  if (octets.length !== 4) return true;
  const hex = octets
    .map((octet) => octet.toString(16).padStart(2, '0'))
    .reverse()
    .join('')
    .toUpperCase();
  return addressHex === hex || addressHex === `0000000000000000FFFF0000${hex}`;
}

async function ownerOf(inode: string): Promise<{ pid: number; name: string } | undefined> {
  const wanted = `socket:[${inode}]`;
  for (const pid of await listPids()) {
    const folder = `/proc/${pid}/fd`;
    const entries = await readdir(folder).catch(() => []);
    const links = await Promise.all(entries.map((entry) => readlink(`${folder}/${entry}`).catch(() => '')));
    if (links.includes(wanted)) return { pid, name: readStat(pid)?.name ?? 'unknown' };
  }
  return undefined;
}
