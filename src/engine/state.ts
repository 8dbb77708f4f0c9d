import { join } from 'node:path';
import { readJsonFile, writeFileAtomic } from '../core/files.ts';
import type { Topology } from '../topology/topology.ts';

/** State of a testnet on the operator's machine. */
export function stateFolder(root: string, testnet: string): string {
  return join(root, '.seatrial', testnet);
}

/** The topology that was last brought up, so that looking at a testnet needs neither its file nor its releases. */
export async function readDeployedTopology(stateDir: string): Promise<Topology | undefined> {
  return readJsonFile<Topology>(join(stateDir, 'topology.json'));
}

export async function writeDeployedTopology(topology: Topology): Promise<void> {
  await writeFileAtomic(join(topology.stateDir, 'topology.json'), `${JSON.stringify(topology, null, 2)}\n`);
}

/** Where the testnet's Prometheus is reached from this machine; undefined without monitoring. */
export function prometheusUrlOf({ monitoring }: Topology): string | undefined {
  return monitoring && `http://127.0.0.1:${monitoring.ports.prometheus}`;
}
