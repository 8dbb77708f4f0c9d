import { systemClock } from '../../core/clock.ts';
import { messageOf, RefusedError } from '../../core/errors.ts';
import { forgetTestnet, stateFolder } from '../../engine/state.ts';
import { healAll } from '../../faults/heal-all.ts';
import type { Lab } from '../../lab/lab.ts';
import type { Topology } from '../../topology/topology.ts';
import { withLock } from '../change.ts';
import { interruptSignal, type InterruptWords } from '../interrupt.ts';
import { takeLease } from '../lease.ts';
import { print, printJson } from '../output.ts';
import { stopTestnet } from '../stop-testnet.ts';
import { openDeployed } from '../testnet.ts';

const wordsOfStop: InterruptWords = {
  first: 'no further node is stopped; the same command goes on with it',
  second: 'leaving',
  third: 'left at once; `seatrial status` shows what runs',
};

export interface DownOptions {
  /** Stops the nodes and removes nothing. */
  keep?: boolean;
  json?: boolean;
}

/**
 * `seatrial down <testnet>`: removes everything that was made for it, data and keys included; its runs, reports and snapshots stay.
 * With `--keep` the nodes are stopped and nothing is removed: `seatrial up` starts them again.
 */
export async function down(name: string, options: DownOptions): Promise<void> {
  const interrupt = interruptSignal(options.keep ? wordsOfStop : undefined);
  const { topology, reference, lab, deployer } = await openDeployed(name);
  try {
    const stateDir = stateFolder(reference.root, topology.testnet);
    const notice = (text: string): void => void process.stderr.write(`${text}\n`);
    const { keep = false } = options;
    if (keep && topology.lab === 'attached') {
      throw new RefusedError(
        'unsupported',
        `the attached lab cannot stop nodes: those of ${topology.testnet} are not ours`,
      );
    }
    const purpose = keep ? 'down --keep' : 'down';
    let stopped: string[] = [];
    await withLock(stateDir, purpose, notice, async () => {
      const lease = await takeLease(lab, stateDir, topology.testnet, purpose, interrupt.signal);
      try {
        if (keep) {
          stopped = await stopTestnet(lab, topology, interrupt.signal);
          return;
        }
        await healBefore(lab, topology, notice);
        await (await deployer()).destroy(topology, interrupt.signal);
      } finally {
        await lease.release();
      }
      if (!keep) await forgetTestnet(stateDir);
    });
    if (keep) {
      if (options.json) printJson({ testnet: topology.testnet, stopped });
      else print(keptText(topology.testnet, stopped));
      return;
    }
    if (options.json)
      printJson({
        testnet: topology.testnet,
        removed: topology.lab === 'attached' ? [] : topology.nodes.map((node) => node.name),
      });
    else if (topology.lab === 'attached')
      print(
        `${topology.testnet} is forgotten: its ${topology.nodes.length} nodes are not ours and were left as they are. Its runs and reports are kept.`,
      );
    else
      print(
        `${topology.testnet} is gone: ${topology.nodes.length} nodes, their data and keys. Its runs, reports and snapshots are kept.`,
      );
  } finally {
    interrupt.dispose();
    await lab.close();
  }
}

/** A node that a fault keeps down, or its engine from it, goes away less well; what cannot be healed goes with the node, or at its time. */
async function healBefore(lab: Lab, { nodes }: Topology, notice: (text: string) => void): Promise<void> {
  if (!lab.faults) return;
  try {
    const healed = await healAll({ faults: lab.faults, nodes, clock: systemClock });
    if (healed.length > 0) notice(`healed first: ${healed.map(({ id, node }) => `${id} on ${node}`).join(', ')}`);
  } catch (error) {
    notice(`faults could not be healed before: ${messageOf(error)}`);
  }
}

function keptText(testnet: string, stopped: readonly string[]): string {
  const what = stopped.length === 0 ? 'nothing of it ran any more' : `stopped ${stopped.join(', ')}`;
  return `${testnet} is stopped (${what}); its data and keys are kept. Start it again with: seatrial up stacks/${testnet}.yaml`;
}
