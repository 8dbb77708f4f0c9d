import { wipedForGood } from './give-back.ts';
import type { RunContext } from '../run-context.ts';
import type { RunSession } from '../session.ts';

/** What of the run's own doing would stay as it is if it ended now, a sentence each: what it broke, switched for a time, or stopped. */
export function leftBehind(context: RunContext): string[] {
  const { session, faults, inputs } = context;
  const { switches, stopped } = session.state;
  const nowMs = inputs.clock.wallMs();
  return [
    ...faults.remains(),
    ...[...switches.values()]
      // The node itself has ended the others.
      .filter(({ untilMs }) => untilMs > nowMs)
      .map(
        ({ node, toggle, untilMs }) =>
          `${toggle} is still switched on ${node}; it ends by itself at ${new Date(untilMs).toISOString()}`,
      ),
    ...[...stopped].map((node) => `${node} is stopped${howItIs(context, node)}`),
  ];
}

/** Nodes that would be left as they happen to be, a sentence each. */
export function inTheMiddle({ state }: RunSession): string[] {
  return [...state.open.keys()].map((node) => `${node} is in the middle of its change`);
}

function howItIs(context: RunContext, node: string): string {
  const { inputs, session } = context;
  const { openEffects, heldBack } = session.state;
  if (openEffects.has(`${node}/restore`)) return ', and its data is put back in part only: do not start it';
  if (heldBack.has(node)) return ' with the data of a backup: it must not start before its turn';
  if (wipedForGood(context).includes(node)) {
    return ` without data; put it back with: seatrial restore ${inputs.topology.testnet}`;
  }
  return '; start it with: seatrial up';
}
