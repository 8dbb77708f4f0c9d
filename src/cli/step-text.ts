import type { HoldExpectations, PlannedFault } from '../journal/fault-records.ts';
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
    case 'telemetry':
      return `new samples of ${names} must arrive within ${formatDuration(timeoutMs)}`;
    case 'slo':
      return `${percent(step.objective ?? 0)} of transactions must be acknowledged${forSo}`;
    case 'fault':
      return step.fault ? faultStepText(step.fault) : '';
    case 'hold':
      return [`let time pass${forSo}`, ...expectationTexts(step.expects)].join('; ');
    case 'heal':
      return `end the fault ${step.heals}${names === '' ? '' : `, then gate ${names}`}`;
    case 'take-backup':
      return `stop ${names}, copy its data, start it`;
    case 'store-backup': {
      const where = step.targets?.length ? step.targets.join(' and ') : 'the targets of the testnet file';
      return `put the data${step.isWhole ? ', and what the testnet is built from,' : ''} into ${where}, and read it back`;
    }
    case 'restore-backup':
      return restoreText(step);
    case 'baseline':
      return `measure the service${forSo}`;
    case 'lose':
      return `kill ${names}${step.data === 'wipe' ? ' and remove their data' : ''}`;
    case 'recover':
      return `start ${names}`;
    case 'takeover':
      return `others must do the work within ${formatDuration(timeoutMs)}`;
    case 'service':
      return `good service${step.servedBy ? ` of ${step.servedBy.join(', ')}` : ''} must come back within ${formatDuration(timeoutMs)}`;
    case 'spoiled-backup':
      return `spoiled backups of ${names} must be refused`;
    case 'held-gate':
      return `the gate of ${names} must hold`;
    case 'stop':
    case 'start':
      return `${step.kind} ${names}`;
    default:
      return '';
  }
}

/** `partition at a, b (topology=halves)`. */
function faultStepText({ kind, targets, parameters }: PlannedFault): string {
  const set = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  const at = targets.length === 0 ? '' : ` at ${targets.join(', ')}`;
  return `${kind}${at}${set.length === 0 ? '' : ` (${set.join(', ')})`}`;
}

/** What must hold while time passes, a clause each. */
function expectationTexts({ goOn = [], standStill = [], agree = true }: HoldExpectations = {}): string[] {
  return [
    goOn.length === 0 ? '' : `${goOn.join(', ')} must go on`,
    standStill.length === 0 ? '' : `${standStill.join(', ')} must stand still`,
    agree ? 'no two nodes may disagree' : '',
  ].filter(Boolean);
}

function restoreText({ nodes, backup = '', isWhole, rebuild, maxAgeMs, acceptsDoubleSign }: PlanStep): string {
  const what = rebuild
    ? `build the testnet anew from backup ${backup}: ${nodes.join(', ')}`
    : `${isWhole ? 'stop all nodes and ' : ''}put the data of backup ${backup} back on ${nodes.join(', ')}`;
  const age = maxAgeMs === undefined ? '' : `, at most ${formatDuration(maxAgeMs)} old`;
  return `${what}${age}${acceptsDoubleSign ? '; a validator may sign a height twice' : ''}`;
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
