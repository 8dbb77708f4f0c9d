import { createServer } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LabError } from '../../../src/core/errors.ts';
import {
  extendAllocation,
  readAllocation,
  writeAllocation,
  type Allocation,
  type AllocationNeeds,
} from '../../../src/topology/allocation.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const empty: Allocation = { ports: {}, hosts: {}, publicKeys: {} };

function needs(given: Partial<AllocationNeeds> = {}): AllocationNeeds {
  return {
    owner: '/state/a',
    ports: ['n-0/http', 'n-0/p2p'],
    hosts: [],
    bindAddress: '127.0.0.1',
    others: [],
    usedSubnets: [],
    ...given,
  };
}

async function occupy(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
}

describe('ports', () => {
  test('are different, of the range, and the same when asked again', async () => {
    const first = await extendAllocation(empty, needs());
    const ports = Object.values(first.ports);
    expect(new Set(ports).size).toBe(2);
    expect(ports.every((port) => port >= 21_000 && port <= 29_999)).toBe(true);
    expect(await extendAllocation(first, needs())).toEqual(first);
  });

  test('are kept for life, also while they are in use and when nodes are added', async () => {
    const first = await extendAllocation(empty, needs());
    await occupy(first.ports['n-0/http'] ?? 0);
    const more = await extendAllocation(first, needs({ ports: ['n-0/http', 'n-0/p2p', 'n-1/http'] }));
    expect(more.ports).toMatchObject(first.ports);
    expect(new Set(Object.values(more.ports)).size).toBe(3);
  });

  test('that another program holds are passed over', async () => {
    const planned = await extendAllocation(empty, needs());
    await occupy(planned.ports['n-0/http'] ?? 0);
    const { ports } = await extendAllocation(empty, needs());
    expect(Object.values(ports)).not.toContain(planned.ports['n-0/http']);
    expect(Object.values(ports)).toHaveLength(2);
  });

  test('of other testnets are passed over although nothing listens on them', async () => {
    const other = await extendAllocation(empty, needs());
    const { ports } = await extendAllocation(empty, needs({ others: [other] }));
    expect(Object.values(ports).filter((port) => Object.values(other.ports).includes(port))).toEqual([]);
    expect(Object.values(ports)).toHaveLength(2);
  });

  test('of a testnet in another project begin elsewhere, so that two that are not up do not meet', async () => {
    const here = await extendAllocation(empty, needs());
    const there = await extendAllocation(empty, needs({ owner: '/elsewhere/a' }));
    expect(Object.values(there.ports).filter((port) => Object.values(here.ports).includes(port))).toEqual([]);
  });
});

describe('subnets', () => {
  const hosts = ['n-0', 'n-1'];
  const thirdOf = ({ subnet }: Allocation): number => Number(subnet?.split('.')[2]);
  /** All but one. */
  const everyOther = (than: number): string[] =>
    Array.from({ length: 256 }, (_unused, third) => third)
      .filter((third) => third !== than % 256)
      .map((third) => `10.214.${third}.0/24`);

  test('are given to container labs alone, with an address for each host', async () => {
    expect((await extendAllocation(empty, needs())).subnet).toBeUndefined();
    const { subnet, hosts: octets } = await extendAllocation(empty, needs({ hosts }));
    expect(subnet).toMatch(/^10\.214\.\d+\.0\/24$/);
    expect(octets).toEqual({ 'n-0': 10, 'n-1': 11 });
  });

  test('avoid those of other testnets and whatever overlaps with the machine’s', async () => {
    const first = await extendAllocation(empty, needs({ hosts }));
    const at = thirdOf(first);
    const second = await extendAllocation(empty, needs({ hosts, others: [first] }));
    expect(thirdOf(second)).toBe((at + 1) % 256);
    const used = [`10.214.${(at + 2) % 256}.128/25`];
    const third = await extendAllocation(empty, needs({ hosts, others: [first, second], usedSubnets: used }));
    expect(thirdOf(third)).toBe((at + 3) % 256);
    const only = await extendAllocation(empty, needs({ hosts, usedSubnets: everyOther(at + 200) }));
    expect(thirdOf(only)).toBe((at + 200) % 256);
    await expect(extendAllocation(empty, needs({ hosts, usedSubnets: ['10.0.0.0/8'] }))).rejects.toThrow(LabError);
  });

  test('of testnets in other projects begin elsewhere, so that two that are brought up at once do not meet', async () => {
    const owners = ['/elsewhere/a', '/elsewhere/b', '/elsewhere/c'];
    const made = await Promise.all(owners.map((owner) => extendAllocation(empty, needs({ owner, hosts }))));
    expect(new Set(made.map(thirdOf)).size).toBe(owners.length);
  });

  test('and addresses are kept when nodes come and go', async () => {
    const first = await extendAllocation(empty, needs({ hosts }));
    const more = await extendAllocation(first, needs({ hosts: ['n-2', 'n-1'], usedSubnets: [first.subnet ?? ''] }));
    expect(more.subnet).toBe(first.subnet);
    expect(more.hosts).toEqual({ 'n-0': 10, 'n-1': 11, 'n-2': 12 });
  });
});

test('an allocation is stored and read back; without a file it is empty', async () => {
  const folder = await temporaryFolder();
  expect(await readAllocation(folder)).toEqual(empty);
  const made = await extendAllocation(empty, needs({ hosts: ['n-0'] }));
  await writeAllocation(folder, made);
  expect(await readAllocation(folder)).toEqual(made);
  expect(await readFile(join(folder, 'allocation.json'), 'utf8')).toMatch(/\n$/);
});

test('twenty testnets on one machine share no port and no subnet', async () => {
  const made: Allocation[] = [];
  for (let index = 0; index < 20; index++) {
    made.push(await extendAllocation(empty, needs({ owner: `/state/${index}`, hosts: ['n-0'], others: made })));
  }
  expect(new Set(made.flatMap(({ ports }) => Object.values(ports))).size).toBe(40);
  expect(new Set(made.map(({ subnet }) => subnet)).size).toBe(20);
});
