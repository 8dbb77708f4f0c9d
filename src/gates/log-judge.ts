import type { SystemProfile } from '../spec/profile.ts';
import { CounterWindow } from './counter-window.ts';
import type { SlotJudge } from './node-checks.ts';
import { NodeStart } from './node-start.ts';
import { bad, unknown } from './verdict.ts';

/** At most so many lines in the window may say that something is wrong; those before the first look at a new start count too. */
export function logJudge(
  node: string,
  { maxPerWindow }: NonNullable<SystemProfile['logErrors']>,
  windowMs: number,
): SlotJudge {
  const start = new NodeStart();
  const window = new CounterWindow(windowMs);
  return ({ reading }) => {
    const seen = reading.nodes[node];
    if (!seen?.logs) return unknown('slot-missed');
    const runs = start.see(seen, reading);
    if (!seen.logs.ok) return unknown('query-error', seen.logs.error);
    const { lines, errors, isTimed, lastError } = seen.logs.value;
    if (lines === 0) return unknown('vacuous', `${node} has logged nothing`);
    if (!isTimed) return unknown('empty', `the lab cannot tell when ${node} wrote its lines`);
    const counted = window.count({ monoMs: reading.monoMs, instance: runs?.instance, ageMs: runs?.ageMs }, [errors]);
    if (!counted) return unknown('series-set-mismatch', `the log of ${node} was counted anew`);
    const [count = 0] = counted.isYoung ? counted.sinceStart : counted.inWindow;
    if (count <= maxPerWindow) return { state: 'OK', value: count };
    return bad(`${count} errors in the log, at most ${maxPerWindow} are good; the last: ${lastError ?? ''}`, count);
  };
}
