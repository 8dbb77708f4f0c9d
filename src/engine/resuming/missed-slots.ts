import { messageOf } from '../../core/errors.ts';
import { gateProfile } from '../../gates/profiles.ts';
import { replayGate } from '../../gates/replay/replay-gate.ts';
import { storeEvidence } from '../../journal/evidence.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';

/** Fewer slots than these say nothing. */
const fewestSlots = 4;

/**
 * A run that was cut off has not looked at the nodes that it had changed; their Prometheus has. Judges that time as a gate would have:
 * harm in it fails the run as a guard would. What cannot be told is noted, and the gates of the present decide.
 */
export async function judgeMissedSlots({ inputs, session, signal }: RunContext): Promise<void> {
  const { prometheusUrl, resumes, profile, clock, transport } = inputs;
  const { state, deployed } = session;
  const lastAt = resumes?.records.at(-1)?.at;
  const nodes = state.changed.filter((node) => state.passed.has(node) && !state.open.has(node));
  if (prometheusUrl === undefined || lastAt === undefined || nodes.length === 0) return;
  const [fromMs, toMs] = [Date.parse(lastAt), clock.wallMs()];
  if (toMs - fromMs < fewestSlots * gateProfile(deployed.gate).intervalMs) return;
  const past = await replayGate({
    topology: deployed,
    profile,
    prometheusUrl,
    fromMs,
    toMs,
    nodes,
    clock,
    transport,
    signal,
  }).catch((error: unknown) => messageOf(error));
  if (signal.aborted) return;
  const since = `the ${Math.round((toMs - fromMs) / 1000)} s in which nobody looked`;
  if (typeof past === 'string' || past.verdict.kind !== 'FAIL') {
    const told = typeof past === 'string' ? past : `${past.verdict.kind}: ${past.verdict.reason}`;
    await session.record({ type: 'note', level: 'info', text: `${since}, by Prometheus: ${told}` });
    return;
  }
  const reason = `${since}, by Prometheus: ${past.verdict.reason}`;
  await session.record({
    type: 'finding',
    step: 'resume',
    finding: 'missed-slots',
    nodes,
    verdict: 'fail',
    reason,
    evidence: await storeEvidence(session.runDir, past),
  });
  throw new StepError(nodes, 'fail', reason);
}
