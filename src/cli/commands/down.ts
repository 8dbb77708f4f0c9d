import { rm } from 'node:fs/promises';
import { stateFolder } from '../../engine/state.ts';
import { withLock } from '../change.ts';
import { interruptSignal } from '../interrupt.ts';
import { takeLease } from '../lease.ts';
import { print, printJson } from '../output.ts';
import { openDeployed } from '../testnet.ts';

/** `seatrial down <testnet>`: removes everything that was made for it, data and keys included; its runs, reports and snapshots stay. */
export async function down(name: string, options: { json?: boolean }): Promise<void> {
  const interrupt = interruptSignal();
  const { topology, reference, lab, deployer } = await openDeployed(name);
  try {
    const stateDir = stateFolder(reference.root, topology.testnet);
    const notice = (text: string): void => void process.stderr.write(`${text}\n`);
    await withLock(stateDir, 'down', notice, async () => {
      const lease = await takeLease(lab, stateDir, topology.testnet, 'down', interrupt.signal);
      try {
        await (await deployer()).destroy(topology, interrupt.signal);
      } finally {
        await lease.release();
      }
      // What `down` itself needs goes last, so that one that was cut off can be repeated.
      const files = [
        'desired.json',
        'passed.json',
        'allocation.json',
        'releases.json',
        'secrets',
        'nodes',
        'topology.json',
      ];
      for (const file of files) {
        await rm(`${stateDir}/${file}`, { recursive: true, force: true });
      }
    });
    if (options.json) printJson({ testnet: topology.testnet, removed: topology.nodes.map((node) => node.name) });
    else
      print(
        `${topology.testnet} is gone: ${topology.nodes.length} nodes, their data and keys. Its runs, reports and snapshots are kept.`,
      );
  } finally {
    interrupt.dispose();
    await lab.close();
  }
}
