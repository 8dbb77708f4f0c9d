import type { PlanStep } from '../journal/records.ts';
import { formatDuration } from '../report/format.ts';

/** What a step does beside changing a release, for people who read a plan before it is executed; empty where its name says all. */
export function stepText(step: PlanStep): string {
  const { nodes, toggle = '', control = [], forMs, timeoutMs = 0, ttlMs = 0, blocks = 0 } = step;
  const names = nodes.join(', ');
  const forSo = forMs === undefined ? '' : ` for ${formatDuration(forMs)}`;
  switch (step.kind) {
    case 'replace':
      return [flagsText(step.flags), step.batch === undefined ? '' : `batch ${step.batch}`].filter(Boolean).join(', ');
    case 'approval': {
      const otherwise = step.onTimeout === 'continue' ? 'goes on' : 'goes back';
      return `${step.question ?? ''} Without an answer in ${formatDuration(timeoutMs)} it ${otherwise}`;
    }
    case 'soak':
      return `watch ${names}${forSo}`;
    case 'await-height':
      return `wait for height ${step.height}, at most ${formatDuration(timeoutMs)}`;
    case 'finalise':
      return 'what came before cannot be rolled back from here on';
    case 'switch':
      return step.on
        ? `${toggle} on at ${names}, off by itself after ${formatDuration(ttlMs)} when nobody extends it`
        : `${toggle} off at ${names}`;
    case 'activation':
      return `${toggle} must show in the newest ${blocks} blocks of ${names}, within ${formatDuration(timeoutMs)}`;
    case 'switchback':
      return `switch ${toggle} at ${names} ${blocks} times${forSo} each, compare with ${control.join(', ')}`;
    case 'calibrate':
      return `count errors of ${names} and ${control.join(', ')}${forSo}`;
    case 'compare':
      return `compare ${names} with ${control.join(', ')}${forSo}`;
    case 'slo':
      return `${percent(step.objective ?? 0)} of transactions must be acknowledged${forSo}`;
    case 'stop':
    case 'start':
      return `${step.kind} ${names}`;
    default:
      return '';
  }
}

/** `tss on`, `level=3`: feature flags that a node is given. */
export function flagsText(flags: PlanStep['flags']): string {
  const words = { true: 'on', false: 'off' };
  return Object.entries(flags ?? {})
    .map(([name, value]) => (typeof value === 'boolean' ? `${name} ${words[`${value}`]}` : `${name}=${value}`))
    .join(', ');
}

/** Steps that the quorum, as it is now, does not allow: the run would be refused when it comes to them. */
export function unsafeSteps({
  steps,
  halts,
  isRepair,
}: {
  steps: PlanStep[];
  halts: string[];
  isRepair?: boolean;
}): string[] {
  if (isRepair) return [];
  return steps.filter(({ id, quorumMargin = 0 }) => quorumMargin < 0 && !halts.includes(id)).map(({ id }) => id);
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(4))} %`;
}
