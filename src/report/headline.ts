import type { RunOutcome } from '../journal/records.ts';
import { formatParameters, plural } from './format.ts';
import type { GateReport, Headline, NodeReport, Tone } from './model.ts';
import type { RunLog } from './run-log.ts';

const outcomes: Record<RunOutcome | 'unfinished', { tone: Tone; label: string; became: string }> = {
  passed: { tone: 'good', label: 'passed', became: 'passed' },
  failed: { tone: 'bad', label: 'failed', became: 'failed' },
  'rolled-back': { tone: 'bad', label: 'rolled back', became: 'failed and was rolled back' },
  'rollback-failed': { tone: 'bad', label: 'rollback failed', became: 'failed, and so did its rollback' },
  held: { tone: 'unknown', label: 'held', became: 'was held' },
  inconclusive: { tone: 'unknown', label: 'inconclusive', became: 'ended without a verdict' },
  void: { tone: 'unknown', label: 'void', became: 'is void' },
  refused: { tone: 'unknown', label: 'refused', became: 'was refused before anything was touched' },
  interrupted: { tone: 'unknown', label: 'interrupted', became: 'was interrupted' },
  aborted: { tone: 'unknown', label: 'aborted', became: 'was aborted' },
  error: { tone: 'bad', label: 'error', became: 'ended with an error' },
  unfinished: { tone: 'unknown', label: 'unfinished', became: 'did not finish (it was killed, or is still under way)' },
};

const paused = { tone: 'unknown', label: 'paused', became: 'is paused' } as const;

export function buildHeadline(log: RunLog, gates: readonly GateReport[], nodes: readonly NodeReport[]): Headline {
  const { runbook, testnet, plan } = log.started;
  const outcome = log.finished?.outcome ?? 'unfinished';
  const { tone, label, ...told } = (log.isPaused && outcome === 'unfinished' ? paused : outcomes[outcome]) ?? {
    tone: 'unknown',
    label: outcome,
    became: `ended as ${outcome}`,
  };
  const changed = outcome === 'refused' ? changedNodes(log, nodes) : 0;
  const onTheWay = `was refused on the way; ${plural(changed, 'node')} had been changed already`;
  const became = changed > 0 ? onTheWay : told.became;
  const parameters = formatParameters(plan.parameters, 2);
  const attempted = `${runbook} of ${testnet}${parameters === '' ? '' : ` (${parameters})`}`;
  const why = reasonOf(log, gates, nodes);
  const exit = log.finished ? ` Exit code ${log.finished.exitCode}.` : '';
  return { tone, label, sentence: `${attempted} ${became}${why === '' ? '' : `: ${why}`}.${exit}` };
}

/** To how many nodes something was done: a release, a stop, a switch, a fault. Some of it may have been taken back since. */
function changedNodes(log: RunLog, nodes: readonly NodeReport[]): number {
  const meant = new Set(log.ofType('intent').map(({ node }) => node));
  const changed = nodes.filter(({ node, isChanged }) => isChanged && meant.has(node));
  const broken = log.ofType('fault.armed').flatMap(({ leases }) => leases);
  const all = [...changed, ...log.ofType('done'), ...log.ofType('effect.done'), ...broken];
  return new Set(all.map(({ node }) => node)).size;
}

function reasonOf(log: RunLog, gates: readonly GateReport[], nodes: readonly NodeReport[]): string {
  if (!log.finished) {
    const open = nodes.filter(({ inDoubt }) => inDoubt !== undefined).map(({ node }) => node);
    const done = nodes.filter(({ isChanged }) => isChanged).length - open.length;
    const doubt = open.length === 0 ? 'no other was being changed' : `${open.join(', ')} was being changed`;
    return `${done === 0 ? 'no node' : plural(done, 'node')} had been changed, ${doubt}`;
  }
  if (log.finished.reason !== undefined) return log.finished.reason.replace(/\.$/, '');
  const failed = gates.find(({ kind }) => kind !== 'PASS' && kind !== 'none');
  if (log.finished.outcome !== 'passed') return failed?.reason.replace(/\.$/, '') ?? '';
  const drilled = log.ofType('drill.result').at(-1)?.exercises.length;
  if (drilled !== undefined) return 'what was broken was shown to be, and every objective was met';
  const changed = nodes.filter(({ isChanged }) => isChanged);
  if (changed.length === 0) return 'no node had to be changed';
  const versions = [...new Set(changed.map(({ after }) => after?.version ?? 'nothing'))];
  return `${changed.length} of ${plural(nodes.length, 'node')} changed and now run ${versions.join(' and ')}`;
}
