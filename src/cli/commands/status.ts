import { lookAtNodes } from '../node-look.ts';
import { print, printJson, table } from '../output.ts';
import { openDeployed } from '../testnet.ts';

/** `seatrial status <testnet>`: one look at every node; always exit 0 when it could look. */
export async function status(name: string, options: { json?: boolean }): Promise<void> {
  const testnet = await openDeployed(name);
  try {
    const nodes = await lookAtNodes(testnet);
    const { topology } = testnet;
    if (options.json) {
      printJson({ testnet: topology.testnet, lab: topology.lab, system: topology.system, nodes });
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
    if (topology.monitoring) {
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
