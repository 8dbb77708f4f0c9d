import { isIPv6 } from 'node:net';
import type { AddressMatch, ShapeMatch } from './task.ts';

/** Major number of the one qdisc that is ours. */
export const HANDLE = '5ea7';
/** For what has no limit. */
const UNLIMITED = '10gbit';
const REST = 1;
const UNDISTURBED = 2;

/** Lines for `tc -batch` that shape what leaves one interface. `others`: addresses that stay undisturbed when all the rest is not. */
export function shapeLines(device: string, matches: readonly ShapeMatch[], others: readonly string[]): string[] {
  const rest = matches.find(({ peer }) => 'isNot' in peer);
  const chosen = matches.filter((match) => match !== rest);
  const lines = [`qdisc add dev ${device} root handle ${HANDLE}: htb default ${REST}`];
  lines.push(...shapedClass(device, REST, rest), ...shapedClass(device, UNDISTURBED, undefined));
  let priority = 1;
  const taken = new Set<string>();
  for (const [index, match] of chosen.entries()) {
    const minor = UNDISTURBED + 1 + index;
    lines.push(...shapedClass(device, minor, match));
    for (const address of addressesOf(match.peer)) {
      taken.add(address);
      lines.push(filterLine(device, priority++, address, minor));
    }
  }
  if (rest) {
    for (const address of others) {
      if (!taken.has(address)) lines.push(filterLine(device, priority++, address, UNDISTURBED));
    }
  }
  return lines;
}

function shapedClass(device: string, minor: number, match: ShapeMatch | undefined): string[] {
  const rate = match?.bitsPerSecond === undefined ? UNLIMITED : `${Math.ceil(match.bitsPerSecond)}bit`;
  const id = minor.toString(16);
  const lines = [`class add dev ${device} parent ${HANDLE}: classid ${HANDLE}:${id} htb rate ${rate} quantum 60000`];
  if (match && needsNetem(match)) {
    const { delayMs, jitterMs, lossShare } = match;
    const delay = delayMs > 0 || jitterMs > 0 ? ` delay ${delayMs}ms ${jitterMs}ms` : '';
    const loss = lossShare > 0 ? ` loss ${lossShare * 100}%` : '';
    lines.push(`qdisc add dev ${device} parent ${HANDLE}:${id} netem limit 10000${delay}${loss}`);
  }
  return lines;
}

export function needsNetem({ delayMs, jitterMs, lossShare }: ShapeMatch): boolean {
  return delayMs > 0 || jitterMs > 0 || lossShare > 0;
}

function filterLine(device: string, priority: number, address: string, minor: number): string {
  const [protocol, match, bits] = isIPv6(address) ? ['ipv6', 'ip6', 128] : ['ip', 'ip', 32];
  const flow = `${HANDLE}:${minor.toString(16)}`;
  return `filter add dev ${device} parent ${HANDLE}: protocol ${protocol} prio ${priority} u32 match ${match} dst ${address}/${bits} flowid ${flow}`;
}

function addressesOf(peer: AddressMatch): readonly string[] {
  return 'is' in peer ? peer.is : [];
}
