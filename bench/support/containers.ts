import { join } from 'node:path';
import { hashOf } from '../../src/core/canonical.ts';
import type { Topology } from '../../src/topology/topology.ts';

export interface SampleOptions {
  root: string;
  testnet: string;
  /** Decides on subnet and ports. */
  slot: number;
  imageId: string;
  version: string;
  count: number;
}

/** Containers that only wait for a signal; a version is a variable of their environment. */
export function benchTopology({ root, testnet, slot, imageId, version, count }: SampleOptions): Topology {
  return {
    testnet,
    system: 'bench',
    lab: 'docker',
    quorum: 'majority',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 1,
    network: { name: `${testnet}-net`, subnet: `10.232.${slot}.0/24`, gateway: `10.232.${slot}.1` },
    stateDir: join(root, '.seatrial', testnet),
    nodes: Array.from({ length: count }, (_, index) => ({
      name: `node-${index}`,
      role: 'node',
      index,
      votingPower: 1,
      startOrder: 1,
      release: { version, kind: 'image' as const, digest: imageId, imageId },
      command: ['/bin/sleep'],
      env: { VERSION: version },
      flags: {},
      files: {},
      secretFiles: {},
      dataDir: '/data',
      address: `10.232.${slot}.${10 + index}`,
      bindAddress: '127.0.0.1',
      ports: [{ name: 'http', containerPort: 8080, hostPort: portOf(slot, index) }],
      stop: { signal: 'SIGTERM' as const, graceMs: 3000 },
      limits: {},
      generation: hashOf({ version, imageId }).slice(0, 16),
    })),
  };
}

export function portOf(slot: number, index: number): number {
  return 24_000 + slot * 30 + index;
}

/** The same by hand: the shortest Pulumi program that replaces the same containers one after the other. */
export const barePulumiProgram = `
import * as docker from '@pulumi/docker';
const { BARE_NAME: name, BARE_IMAGE: image, BARE_VERSION: version, BARE_SLOT: slot, BARE_COUNT: count, BARE_HOST: host } = process.env;
const provider = new docker.Provider('engine', { host });
const network = new docker.Network('net', { name: name + '-net', driver: 'bridge',
  ipamConfigs: [{ subnet: '10.232.' + slot + '.0/24', gateway: '10.232.' + slot + '.1' }] }, { provider });
let last;
for (let i = 0; i < Number(count); i++) {
  const volume = new docker.Volume('data-' + i, { name: name + '-' + i + '-data' }, { provider });
  last = new docker.Container('node-' + i, {
    name: name + '-node-' + i, image, command: ['/bin/sleep'], envs: ['VERSION=' + version], networkMode: 'bridge',
    ports: [{ internal: 8080, external: 24000 + Number(slot) * 30 + i, ip: '127.0.0.1', protocol: 'tcp' }],
    volumes: [{ volumeName: volume.name, containerPath: '/data' }], restart: 'unless-stopped',
    stopSignal: 'SIGTERM', stopTimeout: 3, destroyGraceSeconds: 3,
    logDriver: 'json-file', logOpts: { 'max-file': '3', 'max-size': '10m' },
    networksAdvanced: [{ name: network.name, ipv4Address: '10.232.' + slot + '.' + (10 + i) }],
  }, { provider, deleteBeforeReplace: true, dependsOn: last && process.env.BARE_SERIAL ? [last] : [] });
}
`;

/** The same with the Docker command line. */
export function shellRun(name: string, slot: number, image: string, version: string, index: number): string {
  return (
    `docker run -d --name ${name}-node-${index} --network ${name}-net --ip 10.232.${slot}.${10 + index} ` +
    `-p 127.0.0.1:${portOf(slot, index)}:8080 -v ${name}-${index}-data:/data -e VERSION=${version} --restart unless-stopped ` +
    `--stop-signal SIGTERM --stop-timeout 3 --log-driver json-file --log-opt max-file=3 --log-opt max-size=10m ${image} /bin/sleep`
  );
}
