import type { ReportModel } from './model.ts';

/** What became worse, and by how much, from run `a` to run `b`. Plain data: `report --compare --json` prints it. */
export interface RunComparison {
  schema: 'seatrial.comparison/1';
  a: ComparedRun;
  b: ComparedRun;
  /** Why the two can be compared only in part, as in different gate profiles. */
  caveats: string[];
  cost: ComparedValue[];
  /** Duration of each step, by its name. */
  steps: ComparedValue[];
  checks: ComparedCheck[];
  /** Sentences with the numbers, worst first in the order cost, checks, steps. Empty: nothing became worse. */
  worse: string[];
}

export interface ComparedRun {
  id: string;
  testnet: string;
  runbook: string;
  outcome: string;
  exitCode?: number;
  startedAt: string;
}

export type Unit = 'ms' | 'count' | 'per second' | 'share';

export interface ComparedValue {
  name: string;
  unit: Unit;
  /** Absent: not measured, or the step was not reached. */
  a?: number;
  b?: number;
  isWorse: boolean;
}

/** One check over all its gates of the same step. */
export interface ComparedCheck {
  step: string;
  check: string;
  /** Worst verdict of the step's gates: `PASS`, `FAIL`, … */
  a?: CheckTally;
  b?: CheckTally;
  isWorse: boolean;
}

export interface CheckTally {
  verdict: string;
  slots: number;
  bad: number;
  unknown: number;
}

/** Times and rates differ from run to run; what is less than this share of the first run, or less than `minMs`, is noise. */
const noiseShare = 0.1;
const minMs = 250;

/** Compares two runs. Counts of harm are worse as soon as they rise; times and rates when they differ by more than a tenth. Pure. */
export function compareReports(a: ReportModel, b: ReportModel): RunComparison {
  const cost = compareCost(a, b);
  const steps = compareSteps(a, b);
  const checks = compareChecks(a, b);
  return {
    schema: 'seatrial.comparison/1',
    a: comparedRun(a),
    b: comparedRun(b),
    caveats: caveatsOf(a, b),
    cost,
    steps,
    checks,
    worse: [
      ...outcomeWorse(a, b),
      ...cost.filter(({ isWorse }) => isWorse).map(sentence),
      ...checks.filter(({ isWorse }) => isWorse).map(checkSentence),
      ...steps.filter(({ isWorse }) => isWorse).map((step) => sentence({ ...step, name: `step ${step.name}` })),
    ],
  };
}

function comparedRun({ run }: ReportModel): ComparedRun {
  const { id, testnet, runbook, outcome, exitCode, startedAt } = run;
  return { id, testnet, runbook, outcome, ...(exitCode !== undefined && { exitCode }), startedAt };
}

function caveatsOf(a: ReportModel, b: ReportModel): string[] {
  const facts: [string, (model: ReportModel) => string][] = [
    ['testnet', ({ run }) => run.testnet],
    ['system', ({ run }) => run.system],
    ['lab', ({ run }) => run.lab],
    ['runbook', ({ run }) => run.runbook],
    ['gate profile', ({ run }) => run.gate],
    ['number of nodes', ({ nodes }) => String(nodes.length)],
    ['load', ({ cost }) => (cost.loadPerSecond === undefined ? 'none' : `${cost.loadPerSecond} a second`)],
  ];
  return facts.flatMap(([name, of]) => (of(a) === of(b) ? [] : [`the ${name} differs: ${of(a)}, then ${of(b)}`]));
}

function outcomeWorse(a: ReportModel, b: ReportModel): string[] {
  const isGood = ({ headline }: ReportModel): boolean => headline.tone === 'good';
  return isGood(a) && !isGood(b) ? [`outcome: ${a.run.outcome}, then ${b.run.outcome}`] : [];
}

function compareCost(a: ReportModel, b: ReportModel): ComparedValue[] {
  const values: [string, Unit, (model: ReportModel) => number | undefined, 'rise' | 'fall'][] = [
    ['lost transactions', 'count', ({ cost }) => cost.load?.lost, 'rise'],
    ['duplicated transactions', 'count', ({ cost }) => cost.load?.duplicated, 'rise'],
    ['unchecked transactions', 'count', ({ cost }) => cost.load?.unchecked, 'rise'],
    ['missed rounds', 'count', ({ cost }) => cost.missedRounds, 'rise'],
    ['worst stall', 'ms', ({ cost }) => cost.worstStallMs, 'rise'],
    ['acknowledged', 'per second', acknowledgedPerSecond, 'fall'],
    ['errors', 'share', errorShare, 'rise'],
    ['latency, half', 'ms', ({ cost }) => cost.load?.latencyP50Ms, 'rise'],
    ['latency, 95 %', 'ms', ({ cost }) => cost.load?.latencyP95Ms, 'rise'],
    ['duration', 'ms', ({ run }) => run.durationMs, 'rise'],
  ];
  return values.map(([name, unit, of, bad]) => compared(name, unit, of(a), of(b), bad));
}

function acknowledgedPerSecond({ cost, timeline }: ReportModel): number | undefined {
  const { acknowledgedPerSecond: rates } = timeline.total;
  const offered = rates.filter((rate) => rate > 0).length * (timeline.bucketMs / 1000);
  return cost.load && offered > 0 ? cost.load.acknowledged / offered : undefined;
}

/** Refused and unanswered ones among those that were sent. */
function errorShare({ cost: { load } }: ReportModel): number | undefined {
  return load && load.sent > 0 ? (load.rejected + load.unknown) / load.sent : undefined;
}

function compareSteps(a: ReportModel, b: ReportModel): ComparedValue[] {
  const took = ({ steps }: ReportModel): Map<string, number | undefined> =>
    new Map(steps.map(({ id, durationMs }) => [id, durationMs]));
  const [inA, inB] = [took(a), took(b)];
  return [...new Set([...inA.keys(), ...inB.keys()])].map((id) => compared(id, 'ms', inA.get(id), inB.get(id), 'rise'));
}

function compareChecks(a: ReportModel, b: ReportModel): ComparedCheck[] {
  const [inA, inB] = [tallies(a), tallies(b)];
  return [...new Set([...inA.keys(), ...inB.keys()])].map((key) => {
    const [step = '', check = ''] = JSON.parse(key) as string[];
    const [before, after] = [inA.get(key), inB.get(key)];
    return {
      step,
      check,
      ...(before && { a: before }),
      ...(after && { b: after }),
      isWorse: before !== undefined && after !== undefined && isTallyWorse(before, after),
    };
  });
}

const verdictRank: Record<string, number> = { none: 0, PASS: 1, INCONCLUSIVE: 2, HOLD: 3, FAIL: 4 };

function tallies({ gates }: ReportModel): Map<string, CheckTally> {
  const found = new Map<string, CheckTally>();
  for (const gate of gates) {
    for (const { check, ok, bad, unknown } of gate.checks) {
      const key = JSON.stringify([gate.step, check]);
      const tally = found.get(key) ?? { verdict: 'none', slots: 0, bad: 0, unknown: 0 };
      const isWorst = (verdictRank[gate.kind] ?? 0) > (verdictRank[tally.verdict] ?? 0);
      found.set(key, {
        verdict: isWorst ? gate.kind : tally.verdict,
        slots: tally.slots + ok + bad + unknown,
        bad: tally.bad + bad,
        unknown: tally.unknown + unknown,
      });
    }
  }
  return found;
}

/** More of its slots were bad or unknown, by share, because gates of two runs rarely have as many slots. */
function isTallyWorse(a: CheckTally, b: CheckTally): boolean {
  const share = (count: number, slots: number): number => (slots === 0 ? 0 : count / slots);
  const rose = (of: (tally: CheckTally) => number): boolean =>
    share(of(b), b.slots) > share(of(a), a.slots) + 0.01 && of(b) > of(a);
  return rose(({ bad }) => bad) || rose(({ unknown }) => unknown);
}

function compared(
  name: string,
  unit: Unit,
  a: number | undefined,
  b: number | undefined,
  bad: 'rise' | 'fall',
): ComparedValue {
  const isWorse = a !== undefined && b !== undefined && isValueWorse(unit, a, b, bad);
  return { name, unit, ...(a !== undefined && { a }), ...(b !== undefined && { b }), isWorse };
}

function isValueWorse(unit: Unit, a: number, b: number, bad: 'rise' | 'fall'): boolean {
  const harm = bad === 'rise' ? b - a : a - b;
  if (harm <= 0) return false;
  if (unit === 'count') return true;
  if (unit === 'share') return harm > 0.005;
  return harm > a * noiseShare && (unit !== 'ms' || harm >= minMs);
}

function sentence({ name, unit, a = 0, b = 0 }: ComparedValue): string {
  return `${name}: ${valueText(a, unit)}, then ${valueText(b, unit)} (${changeText(a, b, unit)})`;
}

function checkSentence({ step, check, a, b }: ComparedCheck): string {
  return `check ${check} in ${step}: ${tallyText(a)}, then ${tallyText(b)}`;
}

/** As in `2 bad, 1 unknown of 60 slots`. */
export function tallyText(tally: CheckTally | undefined): string {
  return tally ? `${tally.bad} bad, ${tally.unknown} unknown of ${tally.slots} slots` : '–';
}

/** A figure with its unit; `–` when it was not measured. */
export function valueText(value: number | undefined, unit: Unit): string {
  if (value === undefined) return '–';
  if (unit === 'ms') return value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
  if (unit === 'share') return `${(value * 100).toFixed(1)} %`;
  return unit === 'count' ? String(value) : `${value.toFixed(1)}/s`;
}

/** `+12 %`, or the difference where there is nothing to take a share of. */
export function changeText(a: number | undefined, b: number | undefined, unit: Unit): string {
  if (a === undefined || b === undefined) return '';
  const difference = b - a;
  if (difference === 0) return 'same';
  const sign = difference > 0 ? '+' : '−';
  if (unit === 'count' || unit === 'share' || a === 0) return `${sign}${valueText(Math.abs(difference), unit)}`;
  return `${sign}${Math.round(Math.abs(difference / a) * 100)} %`;
}
