import junit, { type Builder, type TestSuite } from 'junit-report-builder';
import { xmlText as clean } from './xml-text.ts';
import type { FindingReport, GateReport, ReportModel, StepReport } from './model.ts';

/**
 * The run as JUnit XML: one suite, a case for each step of the plan, each gate and each finding, and one for the run's outcome, so that
 * a run that failed for a reason of its own (lost transactions) is red as well. What was judged bad is a failure, what could not be
 * judged an error, what was not reached skipped.
 */
export function renderJunit({ run, headline, steps, gates, findings }: ReportModel): string {
  // The package's module is its builder; its types have it one level deeper.
  const builder = (junit as unknown as Builder).newBuilder();
  const suite = builder.testSuite().name(clean(`${run.runbook} ${run.testnet}`));
  suite.timestamp(run.startedAt).time(run.durationMs / 1000);
  for (const [name, value] of properties(run)) suite.property(name, clean(value));
  const group = clean(`${run.testnet}.${run.runbook}`);
  for (const step of steps) addStep(suite, `${group}.step`, step);
  for (const [index, gate] of gates.entries()) addGate(suite, `${group}.gate`, gate, index);
  for (const finding of findings) addFinding(suite, `${group}.finding`, finding);
  const outcome = suite
    .testCase()
    .className(`${group}.run`)
    .name('outcome')
    .time(run.durationMs / 1000);
  if (headline.tone === 'bad') outcome.failure(clean(headline.sentence), run.outcome);
  else if (headline.tone !== 'good') outcome.error(clean(headline.sentence), run.outcome);
  return `${builder.build().trimEnd()}\n`;
}

function properties(run: ReportModel['run']): [string, string][] {
  return [
    ['run', run.id],
    ['plan', run.planHash],
    ['gate', run.weak ? `${run.gate} (weak)` : run.gate],
    ['system', run.system],
    ['lab', run.lab],
    ['seatrial', run.seatrialVersion],
    ['journal.head', run.journal.headHash],
    ...Object.entries(run.parameters).map(([name, value]): [string, string] => [`parameter.${name}`, value]),
  ];
}

function addStep(suite: TestSuite, className: string, step: StepReport): void {
  const test = suite
    .testCase()
    .className(className)
    .name(clean(step.id))
    .time((step.durationMs ?? 0) / 1000);
  const reason = clean(step.reason ?? 'the run ended before this step did');
  if (step.status === 'not-reached') test.skipped();
  else if (step.status === 'failed' || step.status === 'refused') test.failure(reason, step.status);
  else if (step.status === 'open') test.error(reason, 'unfinished');
}

function addGate(suite: TestSuite, className: string, gate: GateReport, index: number): void {
  const test = suite
    .testCase()
    .className(className)
    .name(clean(`${index + 1} ${gate.gate}`));
  test.time((gate.toMs - gate.fromMs) / 1000);
  if (gate.kind === 'none') test.skipped();
  else if (gate.kind === 'FAIL') test.failure(clean(gate.reason), clean(gate.cause));
  else if (gate.kind !== 'PASS') test.error(clean(gate.reason), clean(gate.cause));
  const troubled = gate.checks.filter(({ bad, unknown }) => bad + unknown > 0);
  if (troubled.length === 0) return;
  const lines = troubled.map(
    ({ check, node, slots, lastDetail }) => `${check} of ${node}: ${slots} ${lastDetail ?? ''}`,
  );
  // It is written as a CDATA section, whose end the writer does not escape.
  test.standardOutput(clean(lines.join('\n')).replaceAll(']]>', ']] >'));
}

function addFinding(suite: TestSuite, className: string, finding: FindingReport): void {
  const test = suite
    .testCase()
    .className(className)
    .name(clean(`${finding.step} ${finding.finding}`))
    .time(0);
  if (finding.verdict === 'fail') test.failure(clean(finding.reason), finding.finding);
  else if (finding.verdict !== 'pass') test.error(clean(finding.reason), finding.finding);
}
