import { messageOf } from '../../core/errors.ts';
import { readStopped } from '../../engine/stopped-testnet.ts';
import type { FaultState } from '../../lab/faults.ts';
import type { Lab } from '../../lab/lab.ts';
import { formatDuration } from '../../report/format.ts';
import { lookAtNodes } from '../node-look.ts';
import { print, printJson, table } from '../output.ts';
import { openDeployed } from '../testnet.ts';
import type { Topology } from '../../topology/topology.ts';

const faultsTimeoutMs = 3000;

/** `seatrial status <testnet>`: one look at every node; always exit 0 when it could look. */
export async function status(name: string, options: { json?: boolean }): Promise<void> {
  const testnet = await openDeployed(name);
  try {
    const [nodes, faults] = await Promise.all([lookAtNodes(testnet), faultsOn(testnet.lab)]);
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
        ...(typeof faults === 'string' ? { faultsUnknown: faults } : faults.length > 0 && { faults }),
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
    if (typeof faults === 'string') print(`\nwhat is broken on purpose could not be asked for: ${faults}`);
    else if (faults.length > 0) print(`\n${sentenceOf(faults)}; end it with: seatrial heal ${topology.testnet} --all`);
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

/** What is broken on purpose, or why nobody can tell: that keeps nobody from the nodes' own state. */
async function faultsOn(lab: Lab): Promise<FaultState[] | string> {
  try {
    return (await lab.faults?.list({ timeoutMs: faultsTimeoutMs })) ?? [];
  } catch (error) {
    return messageOf(error);
  }
}

function sentenceOf(faults: readonly FaultState[]): string {
  const each = faults.map(({ kind, node, remainingMs }) => {
    const rest = remainingMs === undefined ? '' : `, ends in ${formatDuration(remainingMs)} at the latest`;
    return `${kind} on ${node}${rest}`;
  });
  return `broken on purpose: ${each.join('; ')}`;
}

/** Why nodes that stand still must not be started as they are. What reads journals takes its time to load, and is not needed where all run. */
async function lackOf(topology: Topology, still: readonly string[]): Promise<string | undefined> {
  const { withoutOwnData } = await import('../../engine/resuming/own-data.ts');
  return withoutOwnData(topology.stateDir, topology, still);
}
