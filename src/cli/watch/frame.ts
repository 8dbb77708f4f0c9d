import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { formatDuration } from '../../report/format.ts';
import { printable } from '../../report/printable.ts';
import type { NodeLook } from '../node-look.ts';
import { table } from '../output.ts';
import type { RunView } from './run-view.ts';

export interface Frame {
  testnet: string;
  /** Wall time. */
  nowMs: number;
  nodes: readonly NodeLook[];
  run: RunView | undefined;
  /** What the command that changes the testnet now is, as `run rolling-upgrade (pid 7)`; undefined when there is none. */
  owner?: string | undefined;
  /** What the keys do; left out where there are none. */
  hint?: string | undefined;
}

/** Events that are shown in any case, before nodes are left out. */
const minEvents = 3;

/** The frame as lines that fit into a terminal of this size: where it is too small, healthy nodes and older events are left out. */
export function renderFrame(frame: Frame, size: { columns: number; rows: number }): string[] {
  const { testnet, nowMs, nodes, run, owner, hint } = frame;
  const healthy = nodes.filter((node) => node.healthy).length;
  const title = `${pc.bold(testnet)}  ${clock(nowMs)} UTC  ${healthy} of ${nodes.length} healthy${owner === undefined ? '' : `  ${owner}`}`;
  const runLines = run ? describeRun(run, nowMs, owner !== undefined) : [pc.dim('no run yet')];
  const hintLines = hint === undefined ? [] : [pc.dim(hint)];
  // Title, two empty lines, and the last line of a terminal, which is left free so that it does not scroll.
  const others = 1 + 2 + 1 + runLines.length + hintLines.length;
  const nodeLines = nodeRows(nodes, Math.max(3, size.rows - others - (run ? minEvents : 0)));
  const left = size.rows - others - nodeLines.length;
  const events = left > 0 ? (run?.events.slice(-left) ?? []) : [];
  return [
    title,
    '',
    ...nodeLines,
    '',
    ...runLines,
    ...events.map(({ atMs, text }) => `${pc.dim(clock(atMs))} ${text}`),
    ...hintLines,
  ]
    .slice(0, Math.max(1, size.rows - 1))
    .map((line) => fit(line, size.columns));
}

function nodeRows(nodes: readonly NodeLook[], atMost: number): string[] {
  const highest = Math.max(0, ...nodes.map(({ height }) => height ?? 0));
  const isShort = nodes.length + 1 > atMost;
  const ordered = isShort ? [...nodes].sort((a, b) => Number(a.healthy) - Number(b.healthy)) : nodes;
  const shown = isShort ? ordered.slice(0, Math.max(1, atMost - 2)) : ordered;
  const rows = shown.map((node) => [
    node.name,
    stateOf(node),
    node.version ?? '-',
    node.height?.toString() ?? '-',
    node.height === null ? '-' : lagText(highest - node.height),
    node.peers?.toString() ?? '-',
    node.detail === undefined ? '' : printable(node.detail),
  ]);
  const header = ['NODE', 'STATE', 'VERSION', 'HEIGHT', 'LAG', 'PEERS', ''];
  const lines = table([header, ...rows]).split('\n');
  const left = nodes.length - shown.length;
  return left > 0 ? [...lines, pc.dim(`… and ${left} more`)] : lines;
}

function stateOf({ healthy, state }: NodeLook): string {
  if (healthy) return pc.green('healthy');
  return state === 'running' ? pc.yellow('unhealthy') : pc.red(state);
}

function lagText(lag: number): string {
  return lag === 0 ? '0' : pc.yellow(String(lag));
}

function describeRun(run: RunView, nowMs: number, hasOwner: boolean): string[] {
  const isOpen = run.outcome === 'unfinished';
  const isUnderWay = isOpen && hasOwner;
  const took = formatDuration(Math.max(0, (isUnderWay ? nowMs : run.lastAtMs) - run.startedAtMs));
  const { done, planned, open } = run.steps;
  const at = open.length === 0 ? '' : `, at ${open.slice(-3).reverse().join(', ')}`;
  return [
    `${pc.bold(run.runbook)} ${run.runId}: ${stateText(run, isUnderWay)}, ${took}, ${done} of ${planned} steps done${at}`,
    ...(run.gate && isUnderWay ? [gateLine(run.gate, nowMs)] : []),
    ...(run.question
      ? [
          pc.yellow(
            `waits for an answer, ${leftText(run.question.deadlineAtMs - nowMs)}: ${printable(run.question.text)}`,
          ),
        ]
      : []),
  ];
}

function stateText({ outcome, isPaused }: RunView, isUnderWay: boolean): string {
  if (outcome !== 'unfinished') return outcome === 'passed' ? pc.green(outcome) : pc.red(outcome);
  if (isPaused) return pc.yellow('paused');
  return isUnderWay ? pc.bold('under way') : pc.yellow('cut off, nobody goes on with it');
}

function gateLine(
  { gate, nodes, phase, startedAtMs, deadlineMs }: NonNullable<RunView['gate']>,
  nowMs: number,
): string {
  const on = nodes.length > 3 ? `${nodes.length} nodes` : nodes.join(', ');
  const elapsedMs = Math.max(0, nowMs - startedAtMs);
  return `gate ${gate} of ${on}: ${phase}, for ${formatDuration(elapsedMs)}, ${leftText(deadlineMs - elapsedMs)}`;
}

function leftText(leftMs: number): string {
  return leftMs > 0 ? `${formatDuration(leftMs)} left` : 'its time is over';
}

/** Cut to the width of the terminal: a line that wraps would break a live view. Colours go where a line is cut. */
function fit(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length <= columns ? line : `${plain.slice(0, Math.max(0, columns - 1))}…`;
}

/** What differs from the frame before, a line each, for whoever reads along without a terminal. */
export function changedLines(before: Frame | undefined, after: Frame): string[] {
  const known = new Map(before?.nodes.map((node) => [node.name, factsOf(node)]));
  const nodes = after.nodes.flatMap((node) => {
    const facts = factsOf(node);
    return known.get(node.name) === facts
      ? []
      : [`${clock(after.nowMs)} ${node.name}: ${facts}, height ${node.height ?? '-'}`];
  });
  const seen = before?.run && before.run.runId === after.run?.runId ? (before.run.events.at(-1)?.seq ?? -1) : -1;
  // Whoever begins to read is told how the last run ended, not all of it.
  const isOver = before === undefined && after.run?.outcome !== 'unfinished';
  const events = (after.run?.events ?? [])
    .slice(isOver ? -1 : 0)
    .filter(({ seq }) => seq > seen)
    .map(({ atMs, text }) => `${clock(atMs)} ${text}`);
  return [...nodes, ...events].map((line) => printable(stripVTControlCharacters(line)));
}

/** Heights rise all the time, and starting nodes find their peers one by one; only what they stand for is news. */
function factsOf({ healthy, state, version, detail }: NodeLook): string {
  const words = [healthy ? 'healthy' : state === 'running' ? 'unhealthy' : state, version ?? 'no release'];
  const about = detail?.replace(/^\d+ blocks behind/, 'behind');
  return [...words, ...(about === undefined ? [] : [about])].join(', ');
}

function clock(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 19);
}
