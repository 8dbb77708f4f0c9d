import { LabError } from '../core/errors.ts';
import { sha256File } from '../core/canonical.ts';
import { isErrno } from '../core/files.ts';
import { evidenceFile, loadEvidence } from '../journal/evidence.ts';
import { readObservations } from '../journal/observations.ts';
import { readJournal } from '../journal/read-journal.ts';
import { observationsFile } from '../journal/run-files.ts';
import { buildReport } from './build-report.ts';
import type { EvidenceReference, ReportModel } from './model.ts';

/** The report of the run in this folder, all that it refers to verified. Throws JournalCorruptError when the journal cannot be trusted. */
export async function loadReport(runDir: string): Promise<ReportModel> {
  return buildReport({
    journal: await readJournal(runDir),
    observations: readObservations(runDir),
    observationsHash: await observationsHash(runDir),
    checkEvidence: (hash) => checkEvidence(runDir, hash),
  });
}

async function observationsHash(runDir: string): Promise<string | undefined> {
  try {
    return await sha256File(observationsFile(runDir));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function checkEvidence(runDir: string, hash: string): Promise<EvidenceReference> {
  const file = await evidenceFile(runDir, hash);
  if (file === undefined) return { hash, state: 'missing' };
  try {
    await loadEvidence(runDir, hash);
    return { hash, file, state: 'verified' };
  } catch (error) {
    if (error instanceof LabError) return { hash, file, state: 'damaged' };
    throw error;
  }
}
