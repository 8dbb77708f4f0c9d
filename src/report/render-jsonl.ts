import type { RunRecord } from '../journal/records.ts';

/**
 * The events of a run, one JSON object a line: `run`, `seq`, `at`, `type`, then the event's own fields. What only the journal's chain
 * needs (`monoMs`, `prev`, `sum`) is left out. Fields are added in later versions, never renamed.
 */
export function renderJsonl(runId: string, records: readonly RunRecord[]): string {
  return records.map((record) => `${JSON.stringify(eventOf(runId, record))}\n`).join('');
}

function eventOf(run: string, record: RunRecord): Record<string, unknown> {
  const { seq, at, type, ...fields } = record as RunRecord & Record<string, unknown>;
  for (const name of ['monoMs', 'prev', 'sum']) delete fields[name];
  return { run, seq, at, type, ...fields };
}
