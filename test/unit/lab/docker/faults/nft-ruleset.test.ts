import { describe, expect, test } from 'vitest';
import { countersIn } from '../../../../../src/lab/docker/faults/agent/network-cut.ts';
import {
  cutTable,
  dnsTable,
  removal,
  renewal,
  tableName,
} from '../../../../../src/lab/docker/faults/agent/nft-ruleset.ts';
import type { CutMatch } from '../../../../../src/lab/docker/faults/agent/task.ts';

const peer = { is: ['10.1.0.3', 'fd00::3'] };
const rule = (more: Partial<CutMatch>): CutMatch => ({
  label: 'in node-1',
  direction: 'in',
  verdict: 'drop',
  peer,
  ...more,
});

describe('the table of a cut', () => {
  test('drops both families before connection tracking, spares the loopback, and ends by the kernel’s own timer', () => {
    expect(cutTable('seatrial_a', [rule({})], 64.2)).toBe(`table inet seatrial_a {
set alive {
type nf_proto
flags timeout
elements = { ipv4 timeout 65s, ipv6 timeout 65s }
}
counter c0 {
}
chain drop_in_rules {
ip saddr { 10.1.0.3 } counter name c0 drop
ip6 saddr { fd00::3 } counter name c0 drop
}
chain drop_in {
type filter hook prerouting priority -350
policy accept
iifname "lo" accept
icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept
meta nfproto @alive jump drop_in_rules
}
}
`);
  });

  test('has a chain only for the directions and verdicts that it needs', () => {
    const chains = (matches: CutMatch[]): string[] =>
      [...cutTable('t', matches, 1).matchAll(/^type filter hook (\w+)/gm)].map(([, hook = '']) => hook);
    expect(chains([rule({})])).toEqual(['prerouting']);
    expect(chains([rule({ verdict: 'reject' })])).toEqual(['input']);
    expect(chains([rule({ direction: 'out' })])).toEqual(['output']);
    expect(chains([rule({}), rule({ direction: 'out', verdict: 'reject' })])).toEqual(['prerouting', 'output']);
  });

  test('rejects with a reset where there is a connection, else with an unreachable port', () => {
    const text = cutTable('t', [rule({ verdict: 'reject', peer: { is: ['10.1.0.3'] } })], 1);
    expect(text).toContain('ip saddr { 10.1.0.3 } meta l4proto tcp counter name c0 reject with tcp reset\n');
    expect(text).toContain('ip saddr { 10.1.0.3 } counter name c0 reject with icmpx type port-unreachable\n');
  });

  test('by port takes the port of whoever listens, in either direction', () => {
    const ports = { near: [8080, 8080], far: [9090] };
    const lines = (direction: 'in' | 'out'): string[] =>
      cutTable('t', [rule({ direction, peer: { is: ['10.1.0.3'] }, ports })], 1)
        .split('\n')
        .filter((line) => line.startsWith('ip '));
    expect(lines('in')).toEqual([
      'ip saddr { 10.1.0.3 } meta l4proto { tcp, udp } th dport { 8080 } counter name c0 drop',
      'ip saddr { 10.1.0.3 } meta l4proto { tcp, udp } th sport { 9090 } counter name c0 drop',
    ]);
    expect(lines('out')).toEqual([
      'ip daddr { 10.1.0.3 } meta l4proto { tcp, udp } th dport { 9090 } counter name c0 drop',
      'ip daddr { 10.1.0.3 } meta l4proto { tcp, udp } th sport { 8080 } counter name c0 drop',
    ]);
  });

  test('of clients takes whoever is not listed, and all of a family of which nobody is', () => {
    const text = cutTable('t', [rule({ peer: { isNot: ['10.1.0.3', '10.1.0.4'] } })], 1);
    expect(text).toContain('ip saddr != { 10.1.0.3, 10.1.0.4 } counter name c0 drop\n');
    expect(text).toContain('meta nfproto ipv6 counter name c0 drop\n');
  });

  test('of name servers drops questions on the loopback as well', () => {
    const text = dnsTable('t', 1);
    expect(text).toContain('hook output priority -350');
    expect(text).toContain('meta l4proto { tcp, udp } th dport 53 counter name c0 drop');
    expect(text).not.toContain('lo');
  });

  test('is renewed whether or not its time is over, and removed whether or not it is there', () => {
    expect(renewal('t', 2.1).split('\n')).toEqual([
      'add element inet t alive { ipv4 timeout 3s, ipv6 timeout 3s }',
      'delete element inet t alive { ipv4, ipv6 }',
      'add element inet t alive { ipv4 timeout 3s, ipv6 timeout 3s }',
      '',
    ]);
    expect(removal('t')).toBe('add table inet t\ndelete table inet t\n');
  });

  test('is named by the lease, and by nothing that could be more than a name', () => {
    expect(tableName('part-1')).toBe('seatrial_part-1');
    for (const id of ['', 'a b', 'a;flush ruleset', 'A', 'ä', 'x'.repeat(49)])
      expect(() => tableName(id)).toThrow(RangeError);
  });
});

test('counters are told by the labels of their rules; one that is not listed is nothing', () => {
  const listed = { nftables: [{ metainfo: {} }, { counter: { name: 'c1', packets: 3, bytes: 180 } }] };
  expect(countersIn(JSON.stringify(listed), ['in a', 'out a'])).toEqual({
    'in a packets': 0,
    'in a bytes': 0,
    'out a packets': 3,
    'out a bytes': 180,
  });
});
