import type { PlanStep } from '../../journal/records.ts';
import type { RunContext } from '../run-context.ts';
import { measureBaseline } from './baseline.ts';
import { requireHold } from './held-gate.ts';
import { lose } from './lose.ts';
import { recover } from './recover.ts';
import { awaitService } from './service.ts';
import { trySpoiledBackups } from './spoiled-backup.ts';
import { awaitTakeover } from './takeover.ts';

const drillSteps: Partial<Record<PlanStep['kind'], (context: RunContext, step: PlanStep) => Promise<void>>> = {
  baseline: measureBaseline,
  lose,
  recover,
  takeover: awaitTakeover,
  service: awaitService,
  'spoiled-backup': trySpoiledBackups,
  'held-gate': requireHold,
};

/** Does a step that belongs to a drill; false when it is none. */
export async function runDrillStep(context: RunContext, step: PlanStep): Promise<boolean> {
  const work = drillSteps[step.kind];
  await work?.(context, step);
  return work !== undefined;
}
