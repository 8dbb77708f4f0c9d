import type { Plan } from '../journal/records.ts';
import { shellWord } from '../schedule/render-schedule.ts';

/** The command with which the plan is had again, as it is typed in a shell; `parameters` go before those of the plan. */
export function runCommand(plan: Plan, parameters: Readonly<Record<string, string>> = {}): string {
  const set = Object.entries({ ...plan.parameters, ...parameters }).flatMap(([name, value]) => [
    '--set',
    `${name}=${value}`,
  ]);
  return ['seatrial', 'run', plan.runbook, plan.testnet, '--gate', plan.gate, ...set].map(shellWord).join(' ');
}
