import { random } from '../../core/random.ts';
import type { Runbook } from '../runbook.ts';

/** Draws the seeds that nobody gave. Before a plan is made, never within: planning is pure. */
export function drawSeeds(runbook: Runbook, parameters: Readonly<Record<string, string>>): Record<string, string> {
  const drawn = Object.entries(parameters).map(([name, value]) => {
    const isWanted = runbook.parameters[name]?.isSeed && value === 'random';
    return [name, isWanted ? String(Math.floor(random() * 2 ** 32)) : value] as const;
  });
  return Object.fromEntries(drawn);
}
