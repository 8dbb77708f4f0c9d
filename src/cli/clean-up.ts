import { messageOf } from '../core/errors.ts';

/** Something to be given back when a command ends. */
export interface Duty {
  /** Said where it could not be, as in `the lease was not given back`. */
  otherwise: string;
  giveBack(): Promise<void> | undefined;
}

/** Does all of them in order, whatever becomes of each; returns a sentence for each that failed. */
export async function cleanUp(duties: readonly Duty[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { otherwise, giveBack } of duties) {
    try {
      await giveBack();
    } catch (error) {
      problems.push(`${otherwise}: ${messageOf(error)}`);
    }
  }
  return problems;
}

/** Tells on standard error what could not be given back; result or error of the command stand beside it. */
export function tellNotGivenBack(problems: readonly string[]): void {
  for (const problem of problems) process.stderr.write(`clean-up incomplete: ${problem}\n`);
}
