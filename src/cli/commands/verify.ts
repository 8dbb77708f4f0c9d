import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { journalFile } from '../../journal/run-files.ts';
import { loadProfile } from '../../spec/load-profile.ts';
import type { Finding } from '../../verify/finding.ts';
import { exitCodeOfVerification, verifyRun, type Verification } from '../../verify/verify-run.ts';
import { plural } from '../../report/format.ts';
import { findRun } from '../find-run.ts';
import { print, printJson } from '../output.ts';
import { findRoot } from '../root.ts';

/** `seatrial verify <run>`: everything that the run's journal says, made again offline. Returns the exit code. */
export async function verify(reference: string, options: { json?: boolean }): Promise<number> {
  const runDir = await folderOf(reference);
  const verification = await verifyRun({ runDir, loadProfile: (system) => loadProfile(findRoot(), system) });
  if (options.json) printJson({ ...verification, exitCode: exitCodeOfVerification(verification) });
  else print(textOf(verification, runDir));
  return exitCodeOfVerification(verification);
}

/** A run's folder, wherever it is, or that of a run by its id or testnet. */
async function folderOf(reference: string): Promise<string> {
  const folder = resolve(reference);
  if (existsSync(journalFile(folder))) return folder;
  const isFolder = reference.includes('/') && statSync(folder, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder) throw new UsageError(`${folder} is not the folder of a run: it has no journal.jsonl`);
  return (await findRun(reference)).runDir;
}

function textOf(verification: Verification, runDir: string): string {
  const { run, records, evidence, verdicts, findings, outcome, isFinished, result } = verification;
  const state = isFinished
    ? `ended as ${outcome ?? 'unknown'}`
    : result === 'damaged'
      ? 'cannot be read to its end'
      : 'has not finished: it is under way, or was killed';
  return [
    ...findings.map((finding) => lineOf(finding, runDir)),
    `run ${run} ${state}`,
    `${plural(records, 'record')}, ${plural(evidence, 'piece')} of evidence and ${plural(verdicts, 'verdict')} were checked: ${sentenceOf(verification)}`,
  ].join('\n');
}

const sentences = {
  agrees: 'all of it agrees',
  disagrees: 'something does not follow from the evidence, see above',
  damaged: 'files are not what was written, see above',
};

function sentenceOf({ result, findings }: Verification): string {
  const isPartial = result === 'agrees' && findings.some(({ rule }) => rule === 'other-rules');
  return isPartial ? 'all that this version can judge agrees, see the notes above' : sentences[result];
}

function lineOf({ kind, file, line, message }: Finding, runDir: string): string {
  const place = join(runDir, file) + (line === undefined ? '' : `:${line}`);
  // A message of the journal or of evidence may begin with its own file.
  const text = message.startsWith(join(runDir, file)) ? message.slice(join(runDir, file).length + 2) : message;
  return `${kind}: ${place}: ${text}`;
}
