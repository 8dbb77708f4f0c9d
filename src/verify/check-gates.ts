import { isDeepStrictEqual } from 'node:util';
import { LabError, messageOf } from '../core/errors.ts';
import { recomputeVerdict, type GateEvidence } from '../gates/gate-evidence.ts';
import { GateJudge } from '../gates/gate-judge.ts';
import { judgedSlots, type GateSegment } from '../gates/gate-segment.ts';
import { judgingRules, profileOf } from '../gates/judged-system.ts';
import type { GateVerdict } from '../gates/verdict.ts';
import { loadEvidence, loadEvidenceList } from '../journal/evidence.ts';
import type { RunRecord } from '../journal/records.ts';
import { aboutRecord, type Report } from './finding.ts';

type Profile = NonNullable<Parameters<typeof recomputeVerdict>[1]>;
type Of<Type extends RunRecord['type']> = Extract<RunRecord, { type: Type }>;

export interface GateCheckOptions {
  runDir: string;
  records: readonly RunRecord[];
  /** The system's profile; asked for only where the evidence of an older run does not hold the rules. */
  loadProfile: () => Promise<Profile>;
  report: Report;
}

/** Makes every verdict again from its evidence; returns how many were made. */
export async function checkGates({ runDir, records, loadProfile, report }: GateCheckOptions): Promise<number> {
  const segments = new Map<string, Of<'gate.segment'>[]>();
  let verdicts = 0;
  for (const record of records) {
    switch (record.type) {
      case 'gate.started':
        // The same name begins anew when the gate is held again from its beginning.
        if (!segments.has(record.gate)) segments.set(record.gate, []);
        break;
      case 'gate.segment':
        segments.set(record.gate, [...(segments.get(record.gate) ?? []), record]);
        break;
      case 'gate.verdict': {
        const recorded = segments.get(record.gate) ?? [];
        segments.delete(record.gate);
        verdicts += await checkOne(record, record.verdict, async (evidence) => {
          if (evidence.input.gateId !== record.gate) {
            throw new Error(`its evidence is that of ${evidence.input.gateId}`);
          }
          const stranger = evidence.input.nodes.find(({ name }) => !record.nodes.includes(name));
          if (stranger) throw new Error(`its evidence judges ${stranger.name}, which the gate does not`);
          checkNamedSegments(evidence, recorded);
          if (evidence.guardFailure) await recomputeGuard(evidence.guardFailure.evidence, evidence.guardFailure);
        });
        break;
      }
      case 'guard.failed': {
        if (record.evidence === undefined) {
          report(aboutRecord('note', 'guard', record, 'the guard of this older run has left no evidence'));
          break;
        }
        const { check, node, reason } = record;
        verdicts += await checkOne({ ...record, evidence: record.evidence }, { reason }, (evidence) => {
          if (evidence.input.kind !== 'guard') throw new Error('its evidence is not that of a guard');
          const isAbout = node === '*' || evidence.input.nodes.some(({ name }) => name === node);
          if (!isAbout) throw new Error(`its evidence does not judge ${node} (${check})`);
          return Promise.resolve();
        });
        break;
      }
      default:
    }
  }
  for (const [gate, list] of segments) if (list.length > 0) await checkOpenGate(gate, list);
  return verdicts;

  async function checkOne(
    record: Of<'gate.verdict' | 'guard.failed'> & { evidence: string },
    journalled: GateVerdict | { reason: string },
    check: (evidence: GateEvidence) => Promise<void>,
  ): Promise<number> {
    const what = record.type === 'gate.verdict' ? record.gate : `the guard of ${record.node}`;
    let again: GateVerdict;
    let isOfOtherRules = false;
    try {
      const evidence = (await loadEvidence(runDir, record.evidence)) as GateEvidence;
      isOfOtherRules = evidence.system?.rules !== judgingRules;
      await check(evidence);
      again = await recompute(evidence);
    } catch (error) {
      if (isOfFile(error)) return 0;
      const message = `the verdict of ${what} cannot be made again: ${messageOf(error)}`;
      tell(record, isOfOtherRules, message);
      return 0;
    }
    const difference =
      'kind' in journalled
        ? differenceOf(what, journalled, again)
        : journalled.reason === again.reason
          ? undefined
          : `${what} ended with "${journalled.reason}", its evidence gives "${again.reason}"`;
    if (difference === undefined) return 1;
    tell(record, isOfOtherRules, difference);
    return isOfOtherRules ? 0 : 1;
  }

  /** Another version's gates may have looked at other things; that this one cannot follow them is no fault of the run. */
  function tell(record: RunRecord, isOfOtherRules: boolean, message: string): void {
    if (!isOfOtherRules) report(aboutRecord('disagrees', 'verdict', record, message));
    else report(aboutRecord('note', 'other-rules', record, `judged by the rules of another version: ${message}`));
  }

  function differenceOf(what: string, journalled: GateVerdict, again: GateVerdict): string | undefined {
    const fields = (Object.keys({ ...again, ...journalled }) as (keyof GateVerdict)[]).filter(
      (field) => !isDeepStrictEqual(journalled[field], again[field]),
    );
    if (fields.length === 0) return undefined;
    return journalled.kind === again.kind && journalled.reason === again.reason
      ? `${what} says ${journalled.kind} rightly, but its ${fields.join(', ')} do not follow from the evidence`
      : `${what} says ${journalled.kind} (${journalled.reason}), its evidence gives ${again.kind} (${again.reason})`;
  }

  async function recompute(evidence: GateEvidence): Promise<GateVerdict> {
    const segments = loadEvidenceList(runDir, evidence.segments ?? []) as GateSegment[];
    return recomputeVerdict(evidence, evidence.system ? undefined : await loadProfile(), segments);
  }

  async function recomputeGuard(
    evidence: GateEvidence | undefined,
    failure: { kind: string; reason: string },
  ): Promise<void> {
    if (!evidence) return;
    const again = await recompute(evidence);
    if (again.kind !== failure.kind || again.reason !== failure.reason) {
      throw new Error(
        `the guard that ended it said ${failure.kind} (${failure.reason}), its evidence gives ${again.kind} (${again.reason})`,
      );
    }
  }

  /** A long gate that has no verdict yet: its segments must fit together and lead to none. */
  async function checkOpenGate(gate: string, list: readonly Of<'gate.segment'>[]): Promise<void> {
    let judge: GateJudge | undefined;
    let slots = 0;
    for (const record of list) {
      try {
        const segment = (await loadEvidence(runDir, record.evidence)) as GateSegment;
        if (segment.gateId !== gate || segment.index !== record.index) {
          throw new Error(`it is segment ${segment.index} of ${segment.gateId}`);
        }
        if (segment.begun) judge = new GateJudge(segment.begun.input, profileOf(segment.begun.system));
        if (!judge) throw new Error('the first segment is missing');
        for (const judged of judgedSlots(segment)) {
          const decision = judge.replay(judged);
          slots++;
          if (decision.kind !== 'continue') throw new Error(`it leads to ${decision.kind} already: ${decision.reason}`);
        }
      } catch (error) {
        if (isOfFile(error)) return;
        const message = `segment ${record.index} of ${gate} cannot be judged again: ${messageOf(error)}`;
        report(aboutRecord('disagrees', 'segment', record, message));
        return;
      }
    }
    const last = list.at(-1);
    if (last)
      report(aboutRecord('note', 'segment', last, `${gate} has no verdict yet; ${slots} slots of it are stored`));
  }
}

function checkNamedSegments(evidence: GateEvidence, recorded: readonly Of<'gate.segment'>[]): void {
  const named = evidence.segments ?? [];
  const known = new Set(recorded.map(({ evidence: hash }) => hash));
  const stranger = named.find((hash) => !known.has(hash));
  if (stranger !== undefined) throw new Error(`no record refers to its segment ${stranger}`);
}

/** Evidence that is missing or was changed is told of by its file. */
function isOfFile(error: unknown): boolean {
  return error instanceof LabError && error.details.state !== undefined;
}
