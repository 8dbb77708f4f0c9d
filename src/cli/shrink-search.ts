import { shrinkSteps } from '../engine/chaos/shrink.ts';
import type { RunOutcome } from '../journal/records.ts';
import type { Attempt } from './shrink-attempt.ts';

export interface SearchRequest {
  /** The steps with which the run failed. */
  begun: readonly number[];
  /** In which way it failed; see `failureWays`. */
  way: string;
  /** Runs these steps alone. Undefined: they were not tried, and nothing is to be tried any more. */
  attempt: (steps: readonly number[]) => Promise<Attempt | undefined>;
}

export interface SearchEnd {
  /** The fewest that were seen to fail; all where none were. */
  smallest: readonly number[];
  /** Any were seen to fail. */
  hasFailedAgain: boolean;
  /** Not all was tried that could have been. */
  isCutShort: boolean;
  attempts: readonly Attempt[];
  /** The attempt that ended the search, since it says nothing of its steps. */
  unsettled?: Attempt;
  /** What was thrown, which ended the search. */
  error?: unknown;
}

/** Outcomes after which it is known that the steps fail, or that they were not seen to. */
const settled: readonly RunOutcome[] = ['passed', 'failed', 'rolled-back', 'void', 'inconclusive', 'held'];

/** Looks for fewer steps that fail in the same way. Never throws: what was found before an error counts still. */
export async function searchFewer({ begun, way, attempt }: SearchRequest): Promise<SearchEnd> {
  const attempts: Attempt[] = [];
  const end: SearchEnd = { smallest: begun, hasFailedAgain: false, isCutShort: false, attempts };
  const fails = async (steps: readonly number[]): Promise<boolean | undefined> => {
    const tried = await attempt(steps);
    if (tried) attempts.push(tried);
    const isSettled = tried !== undefined && settled.includes(tried.outcome);
    if (tried && !isSettled) end.unsettled = tried;
    if (!isSettled) {
      end.isCutShort = true;
      return undefined;
    }
    const isBad = tried.outcome === 'failed' && tried.ways.includes(way);
    if (isBad) Object.assign(end, { smallest: steps, hasFailedAgain: true });
    return isBad;
  };
  try {
    await shrinkSteps(begun, fails);
    // That nothing smaller fails may also mean that it fails by chance.
    if (!end.hasFailedAgain && !end.isCutShort) await fails(begun);
  } catch (error) {
    end.isCutShort = true;
    end.error = error;
  }
  return end;
}
