import { appendFileSync } from 'node:fs';

/** A line of RESULTS.md. */
export interface Result {
  figure: string;
  measured: string;
  /** Absent for what is only reported. */
  limit?: string;
  isMet?: boolean;
  how: string;
  /** Why a limit is not met; shown only then. */
  explanation?: string;
}

/** The file through which bench/run.ts hears of results; without it they are only printed. */
export const resultsVariable = 'SEATRIAL_BENCH_RESULTS';

export function report(result: Result): void {
  const { figure, measured, limit, isMet, how } = result;
  const verdict = isMet === undefined ? '' : isMet ? ' (met)' : ' (NOT met)';
  process.stdout.write(`${figure}: ${measured}${limit === undefined ? '' : `, limit ${limit}`}${verdict}; ${how}\n`);
  const file = process.env[resultsVariable];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(result)}\n`);
}

/** A result that is a number below its limit. */
export function reportLimit(
  figure: string,
  value: number,
  limit: number,
  { unit, ...rest }: { unit: string; measured: string; how: string; explanation?: string },
): void {
  report({ figure, ...rest, limit: `≤ ${limit} ${unit}`, isMet: value <= limit });
}
