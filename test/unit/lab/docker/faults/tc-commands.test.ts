import { expect, test } from 'vitest';
import { shapeLines } from '../../../../../src/lab/docker/faults/agent/tc-commands.ts';
import type { ShapeMatch } from '../../../../../src/lab/docker/faults/agent/task.ts';

const match = (more: Partial<ShapeMatch>): ShapeMatch => ({
  label: 'to node-1',
  peer: { is: ['10.1.0.3'] },
  delayMs: 0,
  jitterMs: 0,
  lossShare: 0,
  bitsPerSecond: undefined,
  ...more,
});

test('a limit for one peer is a class of its own, and all others keep an unlimited one', () => {
  expect(shapeLines('eth0', [match({ bitsPerSecond: 1_000_000 })], ['10.1.0.3', '10.1.0.4'])).toEqual([
    'qdisc add dev eth0 root handle 5ea7: htb default 1',
    'class add dev eth0 parent 5ea7: classid 5ea7:1 htb rate 10gbit quantum 60000',
    'class add dev eth0 parent 5ea7: classid 5ea7:2 htb rate 10gbit quantum 60000',
    'class add dev eth0 parent 5ea7: classid 5ea7:3 htb rate 1000000bit quantum 60000',
    'filter add dev eth0 parent 5ea7: protocol ip prio 1 u32 match ip dst 10.1.0.3/32 flowid 5ea7:3',
  ]);
});

test('delay, jitter and loss are given to the class of their peer, over both families', () => {
  const both = { is: ['10.1.0.3', 'fd00::3'] };
  const lines = shapeLines('eth0', [match({ peer: both, delayMs: 100, jitterMs: 10, lossShare: 0.05 })], []);
  expect(lines.filter((line) => line.includes('netem'))).toEqual([
    'qdisc add dev eth0 parent 5ea7:3 netem limit 10000 delay 100ms 10ms loss 5%',
  ]);
  expect(lines.filter((line) => line.startsWith('filter'))).toEqual([
    'filter add dev eth0 parent 5ea7: protocol ip prio 1 u32 match ip dst 10.1.0.3/32 flowid 5ea7:3',
    'filter add dev eth0 parent 5ea7: protocol ipv6 prio 2 u32 match ip6 dst fd00::3/128 flowid 5ea7:3',
  ]);
});

test('what is for clients is for all the rest, and nodes without a rule of their own are left out of it', () => {
  const clients = match({ label: 'to clients', peer: { isNot: ['10.1.0.3', '10.1.0.4'] }, bitsPerSecond: 8000 });
  const lines = shapeLines('eth0', [clients, match({ lossShare: 1 })], ['10.1.0.3', '10.1.0.4']);
  expect(lines).toContain('class add dev eth0 parent 5ea7: classid 5ea7:1 htb rate 8000bit quantum 60000');
  expect(lines.filter((line) => line.startsWith('filter')).map((line) => line.split('dst ')[1])).toEqual([
    '10.1.0.3/32 flowid 5ea7:3',
    '10.1.0.4/32 flowid 5ea7:2',
  ]);
});
