import type { PlanStep } from '../../journal/records.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';

const pollMs = 100;

/**
 * Waits until another node does the work of the one that is gone. Where nodes tell who leads, most of those left must name one that is not
 * gone; where they do not, new blocks are the proof: two, for one may have been under way.
 */
export async function awaitTakeover({ inputs, session, signal }: RunContext, step: PlanStep): Promise<void> {
  const { clock, profile } = inputs;
  const { state } = session;
  const untilMs = clock.monotonicMs() + (step.timeoutMs ?? 0);
  let firstHeight: number | undefined;
  for (;;) {
    const left = [...session.clients].filter(([node]) => !state.stopped.has(node));
    const told = await Promise.all(left.map(([, client]) => profile.probe(client).catch(() => undefined)));
    const leaders = told.flatMap((status) => status?.leader ?? []);
    const [leader, votes] =
      [...Map.groupBy(leaders, (each) => each)].sort(([, a], [, b]) => b.length - a.length)[0] ?? [];
    if (leader !== undefined && !state.stopped.has(leader) && (votes?.length ?? 0) > left.length / 2) {
      await session.drill?.reach('taken-over', `${leader} leads`);
      return;
    }
    const heights = told.flatMap((status) => status?.height ?? []);
    const highest = heights.length > 0 ? Math.max(...heights) : undefined;
    firstHeight ??= highest;
    if (leaders.length === 0 && highest !== undefined && firstHeight !== undefined && highest >= firstHeight + 2) {
      await session.drill?.reach('taken-over', `no leader is told; height ${highest} is new`);
      return;
    }
    if (clock.monotonicMs() > untilMs) {
      throw new StepError([], 'fail', `${step.id}: nobody took over within ${(step.timeoutMs ?? 0) / 1000} s`);
    }
    await clock.sleep(pollMs, signal);
  }
}
