import type { EvidenceReference, GatePhase, GateReport } from './model.ts';
import type { RunLog } from './run-log.ts';

const weakProfiles: readonly string[] = ['smoke', 'quick'];

export function isWeakProfile(profile: string): boolean {
  return weakProfiles.includes(profile);
}

/** Every gate of the run, in the order in which they started. `endMs` ends those that have no verdict. */
export function gateReports(
  log: RunLog,
  endMs: number,
  evidence: ReadonlyMap<string, EvidenceReference>,
): GateReport[] {
  const gates: GateReport[] = [];
  /** The same name is used again when a step is repeated or undone; phases and verdicts belong to the newest. */
  const open = (gate: string): GateReport | undefined => gates.findLast((each) => each.gate === gate);
  for (const record of log.records) {
    switch (record.type) {
      case 'gate.started':
        gates.push({
          gate: record.gate,
          step: record.step,
          nodes: record.nodes,
          profile: record.profile,
          weak: isWeakProfile(record.profile),
          kind: 'none',
          reason: 'the run ended before this gate had a verdict',
          cause: 'unfinished',
          slots: 0,
          phases: [],
          checks: [],
          fromMs: record.offsetMs,
          toMs: endMs,
        });
        break;
      case 'gate.phase':
        startPhase(open(record.gate)?.phases, record.phase, record.offsetMs, endMs);
        break;
      case 'gate.verdict': {
        const gate = open(record.gate);
        if (!gate) break;
        const { kind, reason, cause, weak, slots, checks } = record.verdict;
        const reference = evidence.get(record.evidence);
        Object.assign(gate, { kind, reason, cause, weak: weak || gate.weak, slots, checks, toMs: record.offsetMs });
        if (reference) gate.evidence = reference;
        const phase = gate.phases.at(-1);
        if (phase) phase.toMs = record.offsetMs;
        break;
      }
      default:
    }
  }
  return gates;
}

function startPhase(phases: GatePhase[] | undefined, phase: string, atMs: number, endMs: number): void {
  const last = phases?.at(-1);
  if (last) last.toMs = atMs;
  phases?.push({ phase, fromMs: atMs, toMs: endMs });
}
