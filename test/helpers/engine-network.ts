import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

/** What an engine of our own needs of the machine's network, and how to take exactly that away again. */
export interface EngineNetwork {
  bridge: string;
  /** Pool from which the engine takes the subnets of networks that name none. */
  addressPool: string;
  /** The one firewall rule that was added, as arguments after -I or -D; undefined when none was needed. */
  rule: string[] | undefined;
}

/**
 * Makes the engine's default bridge. The engine itself runs with iptables off: a second one that manages rules would flush the
 * first one's. Where the machine drops what bridges forward (the first engine's policy), one rule lets bridged frames pass.
 */
export async function createEngineNetwork(id: string): Promise<EngineNetwork> {
  const second = freeSecondOctet(await readFile('/proc/net/route', 'utf8'));
  const bridge = `seat${id}`;
  await execa('ip', ['link', 'add', 'name', bridge, 'type', 'bridge']);
  await execa('ip', ['addr', 'add', `10.${second}.0.1/24`, 'dev', bridge]);
  await execa('ip', ['link', 'set', bridge, 'up']);
  const network: EngineNetwork = { bridge, addressPool: `base=10.${second}.128.0/17,size=24`, rule: undefined };
  if (await dropsBridgedFrames()) {
    const comment = `seatrial-engine-${id}`;
    network.rule = [
      'FORWARD',
      '-m',
      'physdev',
      '--physdev-is-bridged',
      '-m',
      'comment',
      '--comment',
      comment,
      '-j',
      'ACCEPT',
    ];
    await execa('iptables', ['-w', '-I', ...network.rule]);
  }
  return network;
}

export async function removeEngineNetwork({ bridge, rule }: EngineNetwork): Promise<void> {
  if (rule) await execa('iptables', ['-w', '-D', ...rule], { reject: false });
  if (existsSync(`/sys/class/net/${bridge}`)) await execa('ip', ['link', 'del', bridge]);
}

async function dropsBridgedFrames(): Promise<boolean> {
  const calls = await readFile('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').catch(() => '0');
  if (calls.trim() !== '1') return false;
  const rules = await execa('iptables', ['-w', '-S', 'FORWARD'], { reject: false });
  return rules.stdout.startsWith('-P FORWARD DROP');
}

/** The first 10.N.0.0/16 from 10.201 on that no route of the machine touches; the default route aside. */
export function freeSecondOctet(routes: string): number {
  const taken = routes
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .map(([, destination = '0', , , , , , mask = '0']) => ({
      address: littleEndian(destination),
      mask: littleEndian(mask),
    }))
    .filter(({ mask }) => mask !== 0);
  for (let second = 201; second <= 254; second++) {
    const candidate = ((10 << 24) | (second << 16)) >>> 0;
    const overlaps = taken.some(({ address, mask }) => {
      const common = (mask & 0xffff0000) >>> 0;
      return (address & common) >>> 0 === (candidate & common) >>> 0;
    });
    if (!overlaps) return second;
  }
  throw new Error('no free subnet in 10.201.0.0/16 to 10.254.0.0/16 for a Docker engine of the tests');
}

function littleEndian(hex: string): number {
  return Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE(0);
}
