import { isIPv6 } from 'node:net';
import type { AddressMatch, CutMatch } from './task.ts';

/** Before connection tracking (-200) and before any rule that accepts. */
const PRIORITY = -350;

/** Without these a cut of one direction of IPv6 would cut the other as well: neighbours could not be found any more. */
const NEIGHBOURS =
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept';

/**
 * The one table of a cut, as text for `nft -f`. Its rules are only reached while the set `alive` has elements, and those have a time
 * limit that the kernel keeps: should the agent be gone, they end by themselves.
 */
export function cutTable(table: string, matches: readonly CutMatch[], aliveSeconds: number): string {
  const rules = matches.map((match, index) => ({ match, lines: rulesOf(match, `c${index}`) }));
  const linesOf = (direction: CutMatch['direction'], verdict: CutMatch['verdict']): string[] =>
    rules.flatMap(({ match, lines }) => (match.direction === direction && match.verdict === verdict ? lines : []));
  return tableText(table, aliveSeconds, matches.length, [
    // Dropped at the earliest; a reject is an answer, which only the later hook can give on every kernel.
    ...chain('drop_in', 'prerouting', ['iifname "lo" accept', NEIGHBOURS], linesOf('in', 'drop')),
    ...chain('reject_in', 'input', ['iifname "lo" accept', NEIGHBOURS], linesOf('in', 'reject')),
    ...chain(
      'cut_out',
      'output',
      ['oifname "lo" accept', NEIGHBOURS],
      [...linesOf('out', 'drop'), ...linesOf('out', 'reject')],
    ),
  ]);
}

/** Questions to name servers are dropped wherever they go, the engine's own resolver on the loopback included. */
export function dnsTable(table: string, aliveSeconds: number): string {
  const rule = 'meta l4proto { tcp, udp } th dport 53 counter name c0 drop';
  return tableText(table, aliveSeconds, 1, chain('questions', 'output', [], [rule]));
}

/** Gives the rules another time limit; works whether or not the one before is over. */
export function renewal(table: string, aliveSeconds: number): string {
  const set = `element inet ${table} alive`;
  return [
    `add ${set} { ${aliveElements(aliveSeconds)} }`,
    `delete ${set} { ipv4, ipv6 }`,
    `add ${set} { ${aliveElements(aliveSeconds)} }`,
    '',
  ].join('\n');
}

/** Removes the table; succeeds when there is none. */
export function removal(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}

/** Name of the table of a lease. Its id has letters, digits and dashes alone. */
export function tableName(leaseId: string): string {
  if (!/^[a-z0-9-]{1,48}$/.test(leaseId)) throw new RangeError(`"${leaseId}" cannot name a table`);
  return `seatrial_${leaseId}`;
}

function tableText(table: string, aliveSeconds: number, counters: number, chains: readonly string[]): string {
  return [
    `table inet ${table} {`,
    'set alive {',
    'type nf_proto',
    'flags timeout',
    `elements = { ${aliveElements(aliveSeconds)} }`,
    '}',
    ...Array.from({ length: counters }, (_, index) => `counter c${index} {\n}`),
    ...chains,
    '}',
    '',
  ].join('\n');
}

function aliveElements(seconds: number): string {
  return `ipv4 timeout ${Math.ceil(seconds)}s, ipv6 timeout ${Math.ceil(seconds)}s`;
}

function chain(name: string, hook: string, first: readonly string[], rules: readonly string[]): string[] {
  if (rules.length === 0) return [];
  return [
    `chain ${name}_rules {`,
    ...rules,
    '}',
    `chain ${name} {`,
    `type filter hook ${hook} priority ${PRIORITY}`,
    'policy accept',
    ...first,
    `meta nfproto @alive jump ${name}_rules`,
    '}',
  ];
}

function rulesOf({ direction, verdict, peer, ports }: CutMatch, counter: string): string[] {
  const side = direction === 'in' ? 'saddr' : 'daddr';
  const ends =
    verdict === 'drop'
      ? [`counter name ${counter} drop`]
      : [
          `meta l4proto tcp counter name ${counter} reject with tcp reset`,
          `counter name ${counter} reject with icmpx type port-unreachable`,
        ];
  return addressMatches(peer, side).flatMap((address) =>
    portMatches(direction, ports).flatMap((port) => ends.map((end) => [address, port, end].filter(Boolean).join(' '))),
  );
}

function addressMatches(peer: AddressMatch, side: string): string[] {
  const addresses = 'is' in peer ? peer.is : peer.isNot;
  const sign = 'is' in peer ? '' : '!= ';
  const families = [
    { name: 'ip', nfproto: 'ipv4', own: addresses.filter((address) => !isIPv6(address)) },
    { name: 'ip6', nfproto: 'ipv6', own: addresses.filter((address) => isIPv6(address)) },
  ];
  return families.flatMap(({ name, nfproto, own }) => {
    if (own.length > 0) return [`${name} ${side} ${sign}{ ${own.join(', ')} }`];
    return 'is' in peer ? [] : [`meta nfproto ${nfproto}`];
  });
}

/** Whoever listens, the connection has its port on that side. An empty text is everything. */
function portMatches(direction: CutMatch['direction'], ports: CutMatch['ports']): string[] {
  if (!ports) return [''];
  const [to, from] = direction === 'in' ? [ports.near, ports.far] : [ports.far, ports.near];
  const match = (side: string, list: readonly number[]): string[] =>
    list.length === 0 ? [] : [`meta l4proto { tcp, udp } th ${side} { ${[...new Set(list)].join(', ')} }`];
  return [...match('dport', to), ...match('sport', from)];
}
