import { rm } from 'node:fs/promises';
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

/** What `down` itself needs goes last, so that one that was cut off can be repeated. */
const ownFiles = [
  'desired.json',
  'passed.json',
  'stopped.json',
  'allocation.json',
  'releases.json',
  // Copies of nodes' data that were on their way into a backup or out of one.
  'staging',
  'spoiled',
  'secrets',
  'nodes',
  'topology.json',
];

/** Removes what is known of a testnet that is up, with its secrets and what waits in its staging folder; its runs, leases and snapshots stay. */
export async function forgetTestnet(stateDir: string): Promise<void> {
  for (const file of ownFiles) await rm(join(stateDir, file), { recursive: true, force: true });
}

/** Where the testnet's Prometheus is reached from this machine; undefined without monitoring. */
export function prometheusUrlOf({ monitoring }: Topology): string | undefined {
  return monitoring && `http://127.0.0.1:${monitoring.ports.prometheus}`;
}

/** The same of its Alertmanager. */
export function alertmanagerUrlOf({ monitoring }: Topology): string | undefined {
  return monitoring && `http://127.0.0.1:${monitoring.ports.alertmanager}`;
}
