import type { Finding } from '../gates/lint/finding.ts';
import type { GateProof } from '../gates/prove/proof.ts';
import type { ReplayResult } from '../gates/replay/replay-gate.ts';
import { table } from './output.ts';

const widestCell = 110;

/** A proof as a table: check, world, what the check said, after how many slots. */
export function proofText({ testnet, gate, slotMs, verdict, reason, checks, leftOut }: GateProof): string {
  const rows = checks.flatMap(({ check, isProven, reason: why, worlds }) => [
    ...worlds.map(({ world, outcome, slots, allowedSlots, isTurned, detail }) => [
      check,
      world,
      isTurned ? outcome : `${outcome}!`,
      slots === undefined ? `-/${allowedSlots}` : `${slots}/${allowedSlots}`,
      short(detail ?? ''),
    ]),
    ...(isProven ? [] : [[check, 'NOT PROVEN', '', '', why ?? '']]),
  ]);
  return [
    ...(rows.length > 0 ? [table([['CHECK', 'BAD WORLD', 'VERDICT', 'SLOTS', 'IT SAID'], ...rows]), ''] : []),
    ...leftOutLines(leftOut),
    `${testnet}: ${verdict.toUpperCase()} with the gate ${gate} (a slot is ${slotMs / 1000} s): ${reason}`,
  ].join('\n');
}

/** A retrospective verdict with the slots that it was made of. */
export function replayText(result: ReplayResult): string {
  const { testnet, gate, verdict, leftOut, passedAtMs, endedAtMs, fromMs, toMs } = result;
  const newest = 60;
  const rows = verdict.checks.map(({ check, node, ok, bad, unknown, slots, lastDetail }) => [
    check,
    node,
    ...[ok, bad, unknown].map(String),
    slots.length > newest ? `…${slots.slice(-newest)}` : slots,
    short(lastDetail ?? ''),
  ]);
  return [
    table([['CHECK', 'NODE', 'OK', 'BAD', 'UNKNOWN', 'NEWEST SLOTS', 'LAST NOT OK'], ...rows]),
    '',
    ...leftOutLines(leftOut),
    `from ${timeText(fromMs)} to ${timeText(toMs)}` +
      (passedAtMs === undefined ? '' : `; the gate would have passed at ${timeText(passedAtMs)}`),
    `${testnet}: ${verdict.kind}${verdict.weak ? ' (weak profile)' : ''} with the gate ${gate} at ${timeText(endedAtMs)}: ${verdict.reason}`,
  ].join('\n');
}

/** Findings, errors first. */
export function lintText(testnet: string, findings: readonly Finding[], isRunning: boolean): string {
  const sorted = [...findings].sort((a, b) => a.level.localeCompare(b.level));
  const errors = findings.filter(({ level }) => level === 'error').length;
  const how = isRunning ? 'as written and on what runs' : 'as written; nothing runs that names could be compared with';
  return [
    ...sorted.map(({ level, where, text }) => `${level}: ${where}: ${text}`),
    `${testnet}: ${errors} errors, ${findings.length - errors} warnings (${how})`,
  ].join('\n');
}

function leftOutLines(leftOut: readonly { name: string; reason: string }[]): string[] {
  const byReason = Map.groupBy(leftOut, ({ reason }) => reason);
  return [...byReason].map(([reason, ones]) => `left out: ${ones.map(({ name }) => name).join(', ')} (${reason})`);
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}

function short(text: string): string {
  return text.length > widestCell ? `${text.slice(0, widestCell)}…` : text;
}
