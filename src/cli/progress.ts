import pc from 'picocolors';
import type { Plan, RunRecord } from '../journal/records.ts';
import { eventText } from '../report/event-text.ts';
import type { RunReporter } from '../engine/session.ts';
import { flagsText, stepText } from './step-text.ts';

/** A reporter for people: one line an event, and on a terminal a live line for the gate that is being watched. */
export interface ProgressReporter extends RunReporter {
  close(): void;
}

export interface ProgressOptions {
  /** Nothing is reported while running: the result is printed at the end. */
  json?: boolean | undefined;
  /** Named where the operator is asked. */
  runId: string;
  plan?: Plan | undefined;
}

/** Steps that would otherwise say nothing until they are over. */
const quietKinds: readonly string[] = [
  'await-height',
  'activation',
  'switchback',
  'calibrate',
  'compare',
  'slo',
  'telemetry',
  'fault',
  'hold',
  'heal',
  'soak',
];

export async function createReporter({ json, runId, plan }: ProgressOptions): Promise<ProgressReporter> {
  if (json) return { close: () => undefined };
  // A terminal without a width (a bare pseudo-terminal) cannot be drawn on.
  const isLive = process.stderr.isTTY && process.stderr.columns > 0 && process.env.TERM !== 'dumb';
  const spinner = isLive ? (await import('ora')).default({ stream: process.stderr, discardStdin: false }) : undefined;
  const line = (text: string): void => {
    const wasSpinning = spinner?.isSpinning;
    if (wasSpinning) spinner?.stop();
    process.stdout.write(`${text}\n`);
    if (wasSpinning) spinner?.start();
  };
  return {
    onRecord(record) {
      const text = describe(record);
      if (record.type === 'gate.verdict' || record.type === 'run.finished') spinner?.stop();
      if (text !== undefined) line(`${pc.dim(record.at.slice(11, 19))} ${text}`);
      if (record.type === 'step.started') {
        const step = plan?.steps.find(({ id, kind }) => id === record.step && quietKinds.includes(kind));
        if (step) line(`${pc.dim(record.at.slice(11, 19))} ${step.id}: ${stepText(step)}`);
      }
      if (record.type === 'approval.requested') {
        line(
          `         answer with: seatrial approve ${runId} --plan ${record.planHash.slice(0, 12)}, or with --reject`,
        );
      }
    },
    onGate({ nodes, phase, summary }) {
      if (!spinner) return;
      spinner.text = `gate ${gated(nodes)}: ${phase}  ${pc.dim(summary)}`;
      if (!spinner.isSpinning) spinner.start();
    },
    close: () => spinner?.stop(),
  };
}

/** One line for a record; undefined for records that only the report needs. */
export function describe(record: RunRecord): string | undefined {
  switch (record.type) {
    case 'run.started':
      return `${pc.bold(`run ${record.runId}`)} ${record.runbook} on ${record.testnet} (${record.lab} lab, plan ${record.planHash.slice(0, 12)})`;
    case 'intent':
      return record.action === 'replace'
        ? record.fromVersion === record.toVersion
          ? `${record.node}: starting ${record.toVersion} anew${record.flags === undefined ? '' : ` with ${flagsText(record.flags)}`}`
          : `${record.node}: replacing ${record.fromVersion ?? 'unknown'} → ${record.toVersion}`
        : `${record.node}: ${record.action === 'create' ? `creating ${record.toVersion}` : 'removing'}`;
    case 'done':
      return `${record.node}: runs ${record.version} (${record.digest.slice(7, 19)}), took ${(record.tookMs / 1000).toFixed(1)} s`;
    case 'gate.started':
      return `gate ${gated(record.nodes)}: ${record.profile}, at most ${record.deadlineMs / 1000} s`;
    case 'gate.verdict': {
      const { kind, reason, elapsedMs, weak } = record.verdict;
      const colour = kind === 'PASS' ? pc.green : kind === 'FAIL' ? pc.red : pc.yellow;
      return `gate ${gated(record.nodes)}: ${colour(pc.bold(kind))}${weak ? ' (weak profile)' : ''} after ${(elapsedMs / 1000).toFixed(1)} s: ${reason}`;
    }
    case 'guard.failed':
      return pc.red(`guard of ${record.node}: ${record.check}: ${record.reason}`);
    case 'step.refused':
      return pc.red(`${record.step} refused: ${record.reason}`);
    case 'rollback.started':
      return pc.yellow(`rolling back ${record.nodes.join(', ')}`);
    case 'load.started':
      return `load: ${record.perSecond} transactions a second`;
    case 'load.finished': {
      const { sent, acknowledged, rejected, lost, duplicated, unchecked, unknown } = record.summary;
      const checked = unchecked > 0 ? `, ${unchecked} could not be checked` : '';
      return `load: ${sent} sent, ${acknowledged} acknowledged, ${rejected} refused, ${unknown} without an answer, ${lost} lost, ${duplicated} doubled${checked}`;
    }
    case 'note':
      return record.level === 'warning' ? pc.yellow(record.text) : record.text;
    case 'run.finished': {
      const colour = record.exitCode === 0 ? pc.green : pc.red;
      return `${pc.bold(colour(record.outcome))}${record.reason === undefined ? '' : `: ${record.reason}`}`;
    }
    // What they say stands in the line of their outcome.
    case 'effect.intent':
    case 'lease.taken':
      return undefined;
    default: {
      const said = eventText(record);
      return said && tones[said.tone](said.text);
    }
  }
}

const tones = { good: pc.green, bad: pc.red, unknown: pc.yellow, neutral: (text: string): string => text } as const;

function gated(nodes: readonly string[]): string {
  return nodes.length > 3 ? `${nodes.length} nodes` : nodes.join(', ');
}
