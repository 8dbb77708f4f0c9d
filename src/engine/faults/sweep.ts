import type { Clock } from '../../core/clock.ts';
import { waitFor } from '../../core/wait.ts';
import type { FaultLease, FaultPort } from '../../lab/faults.ts';

/** To undo a fault that keeps a node down is to start the node. */
const healTimeoutMs = 60_000;
const betweenTriesMs = 500;

/**
 * Undoes leases, whoever armed them, and sees that they are gone; what is gone already costs one look. It has its own time and no signal: nothing
 * that ends a run keeps a fault alive. Throws LabError where one cannot be undone.
 */
export async function sweepLeases(
  port: FaultPort,
  leases: readonly Pick<FaultLease, 'id' | 'node'>[],
  clock: Clock,
): Promise<void> {
  const sweep = async ({ id, node }: Pick<FaultLease, 'id' | 'node'>): Promise<void> => {
    const isGone = async (): Promise<true | undefined> => {
      await port.heal(node, id);
      const { state } = await port.inspect(node, id);
      return state === 'absent' ? true : undefined;
    };
    const what = `the fault ${id} on ${node.name} to be undone`;
    await waitFor(isGone, { clock, what, timeoutMs: healTimeoutMs, intervalMs: betweenTriesMs });
  };
  const results = await Promise.allSettled(leases.map(sweep));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
