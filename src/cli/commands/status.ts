import { readStopped } from '../../engine/stopped-testnet.ts';
import { lookAtNodes } from '../node-look.ts';
import { print, printJson, table } from '../output.ts';
import { openDeployed } from '../testnet.ts';
import type { Topology } from '../../topology/topology.ts';

/** `seatrial status <testnet>`: one look at every node; always exit 0 when it could look. */
export async function status(name: string, options: { json?: boolean }): Promise<void> {
  const testnet = await openDeployed(name);
  try {
    const nodes = await lookAtNodes(testnet);
    const { topology } = testnet;
    const stopped = await readStopped(topology.stateDir);
    const still = nodes.filter(({ state }) => state === 'stopped').map(({ name: node }) => node);
    const lacks = still.length > 0 ? await lackOf(topology, still) : undefined;
    if (options.json) {
      printJson({
        testnet: topology.testnet,
        lab: topology.lab,
        system: topology.system,
        ...(stopped && { stoppedSince: stopped.since }),
        ...(lacks !== undefined && { mustNotStart: lacks }),
        nodes,
      });
      return;
    }
    const rows = nodes.map((node) => [
      node.name,
      node.healthy ? 'healthy' : node.state === 'running' ? 'unhealthy' : node.state,
      `${node.version ?? '-'}${node.intended !== undefined && node.intended !== node.version ? ` (is to be ${node.intended})` : ''}`,
      node.digest?.slice(7, 19) ?? '-',
      node.height?.toString() ?? '-',
      node.peers?.toString() ?? '-',
      node.startedAt ?? '-',
      node.detail ?? node.endpoints.http ?? '',
    ]);
    print(table([['NODE', 'STATE', 'VERSION', 'DIGEST', 'HEIGHT', 'PEERS', 'STARTED', ''], ...rows]));
    if (lacks !== undefined) print(`\n${lacks}`);
    else if (stopped) {
      print(
        `\nstopped since ${stopped.since}, data and keys kept; start it with: seatrial up stacks/${topology.testnet}.yaml`,
      );
    } else if (topology.monitoring) {
      const { ports, images } = topology.monitoring;
      print(`\nPrometheus http://127.0.0.1:${ports.prometheus}  Alertmanager http://127.0.0.1:${ports.alertmanager}`);
      if (images.grafana !== undefined) {
        print(
          `Grafana http://127.0.0.1:${ports.grafana} (admin, password in ${topology.monitoring.grafanaPasswordFile})`,
        );
      }
    }
  } finally {
    await testnet.lab.close();
  }
}

/** Why nodes that stand still must not be started as they are. What reads journals takes its time to load, and is not needed where all run. */
async function lackOf(topology: Topology, still: readonly string[]): Promise<string | undefined> {
  const { withoutOwnData } = await import('../../engine/resuming/own-data.ts');
  return withoutOwnData(topology.stateDir, topology, still);
}
