import { messageOf } from '../../core/errors.ts';
import { waitFor } from '../../core/wait.ts';
import type { PlanStep } from '../../journal/records.ts';
import type { RunContext } from '../run-context.ts';

const pollMs = 500;

/** Ends a fault as planned, and gates the nodes that it kept from their work: they have to work again, not only to be let. */
export async function healAndGate(context: RunContext, step: PlanStep): Promise<void> {
  const { session, faults, signal } = context;
  const { id, nodes, heals = '' } = step;
  await faults.heal(heals, 'plan', signal);
  faults.throwIfVoid();
  const others = session.state.impaired;
  const free = nodes.filter((node) => !others.has(node) && !session.state.stopped.has(node));
  if (free.length === 0) return;
  await awaitCatchUp(context, free);
  await session.gates.gate(id, free, session.deployed, { signal });
}

/** Whoever missed blocks fetches them first; a gate that begins meanwhile would count that as harm. Who does not come is left to the gate. */
async function awaitCatchUp({ inputs, session, signal }: RunContext, nodes: readonly string[]): Promise<void> {
  const { clock, profile } = inputs;
  const { progress } = profile;
  if (!progress) return;
  const hasCaughtUp = async (): Promise<true | undefined> => {
    const told = await Promise.all(
      [...session.clients].map(async ([node, client]) => {
        const status = await profile.probe(client).catch(() => undefined);
        return [node, status?.height] as const;
      }),
    );
    const highest = Math.max(0, ...told.flatMap(([, height]) => height ?? []));
    const behind = told.filter(([node, height]) => nodes.includes(node) && highest - (height ?? 0) > progress.maxLag);
    if (behind.length === 0) return true;
    throw new Error(
      `${behind.map(([node, height]) => `${node} at ${height ?? 'no height'}`).join(', ')} of ${highest}`,
    );
  };
  const what = `${nodes.join(', ')} to catch up`;
  const timeoutMs = session.gates.deadlineMs;
  await waitFor(hasCaughtUp, { clock, what, timeoutMs, intervalMs: pollMs, signal }).catch(async (error: unknown) => {
    if (signal.aborted) throw error;
    await session.record({ type: 'note', level: 'warning', text: messageOf(error) });
  });
}
