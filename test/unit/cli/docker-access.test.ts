import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { machineSubnets } from '../../../src/cli/docker-access.ts';

const address = (family: 'IPv4' | 'IPv6', cidr: string | null): NetworkInterfaceInfo =>
  ({ address: '', netmask: '', mac: '', internal: false, family, cidr }) as NetworkInterfaceInfo;

test('subnets of other engines and tunnels on this machine are used ones; a site’s wide network is not', () => {
  const found = machineSubnets({
    bridge: [address('IPv4', '10.214.0.1/24'), address('IPv6', 'fe80::1/64')],
    tunnel: [address('IPv4', '10.214.7.2/32'), address('IPv4', null)],
    site: [address('IPv4', '10.1.2.3/8')],
  });
  expect(found).toEqual(['10.214.0.1/24', '10.214.7.2/32']);
});
