import { waitFor } from '../core/wait.ts';
import type { PlanStep } from '../journal/records.ts';
import type { RunContext } from './run-context.ts';

/** Waits until a node of the network tells this height. */
export async function awaitHeight({ inputs, session, signal }: RunContext, step: PlanStep): Promise<void> {
  const { profile, clock } = inputs;
  const { height = 0, timeoutMs = 0 } = step;
  const reached = async (): Promise<true | undefined> => {
    const seen = await Promise.allSettled([...session.clients.values()].map((client) => profile.probe(client)));
    const heights = seen.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value.height ?? []) : []));
    if (heights.length === 0) throw new Error('no node tells its height');
    if (Math.max(...heights) >= height) return true;
    throw new Error(`height ${Math.max(...heights)}`);
  };
  await waitFor(reached, { clock, what: `height ${height}`, timeoutMs, intervalMs: 500, signal });
}
