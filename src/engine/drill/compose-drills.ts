import { UsageError } from '../../core/errors.ts';
import type { Runbook, RunbookContext, RunbookPlan, RunbookStage } from '../runbook.ts';
import { completeParameters } from '../planning/complete-parameters.ts';
import { actionItems } from './action-items.ts';
import type { DrillRules } from './drill-stages.ts';

/**
 * The stages of several drills as one run, in this order, each an exercise of one report. A stage's id begins with the name of its drill, as in
 * `node-loss/lose`. Of the parameters in the context each drill gets those that it has itself; for the others it has its defaults. Throws
 * UsageError for a runbook that is no drill, or whose run is to be rolled back.
 */
export function composeDrills(
  runbooks: readonly Runbook[],
  context: RunbookContext,
): RunbookPlan & { drill: DrillRules } {
  const exercises: DrillRules['exercises'] = {};
  const stages: RunbookStage[] = [];
  let windowMs: number | undefined;
  for (const runbook of runbooks) {
    const own = Object.entries(context.parameters).filter(([name]) => Object.hasOwn(runbook.parameters, name));
    const plan = runbook.plan({ ...context, parameters: completeParameters(runbook, Object.fromEntries(own)) });
    if (!plan.drill || plan.drill.expects !== undefined || !('stages' in plan)) {
      throw new UsageError(`${runbook.name} cannot be one drill of several`);
    }
    Object.assign(exercises, plan.drill.exercises);
    // Of a drill without service nobody asks how long its window is.
    windowMs ??= plan.drill.windowMs;
    stages.push(...plan.stages.map((stage) => within(runbook.name, stage)));
  }
  return {
    onFailure: 'hold',
    isForward: false,
    stages,
    drill: { exercises, ...(windowMs !== undefined && { windowMs }), ...actionItems(context.parameters) },
  };
}

/** The same stage among those of other drills: ids, and what names an id, are of its own drill. */
function within(drill: string, stage: RunbookStage): RunbookStage {
  const id = `${drill}/${stage.id}`;
  if (stage.kind === 'heal') return { ...stage, id, fault: `${drill}/${stage.fault}` };
  if (stage.kind === 'compare') return { ...stage, id, after: `${drill}/${stage.after}` };
  return { ...stage, id };
}
