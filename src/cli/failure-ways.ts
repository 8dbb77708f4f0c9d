import type { LoadSummary, RunRecord } from '../journal/records.ts';

/** What a ledger's check counts, gravest first. */
const broken: readonly [count: keyof LoadSummary, way: string][] = [
  ['lost', 'lost writes'],
  ['disagreements', 'nodes that disagree'],
  ['duplicated', 'doubled writes'],
  ['resurrected', 'resurrected writes'],
  ['misplaced', 'misplaced writes'],
  ['reordered', 'writes out of order'],
  ['acceptedByMinority', 'writes of a minority'],
];

/** In which ways a run failed, by its journal, gravest first: broken promises to clients, then findings, gates and guards. */
export function failureWays(records: readonly RunRecord[]): string[] {
  const promises = records.flatMap((record) =>
    record.type === 'load.finished'
      ? broken.flatMap(([name, way]) => (Number(record.summary[name]) > 0 ? [way] : []))
      : [],
  );
  const others = records.flatMap((record) => {
    if (record.type === 'finding' && record.verdict === 'fail') return [record.finding];
    if (record.type === 'gate.verdict' && record.verdict.kind === 'FAIL') return ['gate'];
    return record.type === 'guard.failed' ? ['guard'] : [];
  });
  return [...new Set([...promises, ...others])];
}
