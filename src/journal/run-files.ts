import { join } from 'node:path';

/** Where the files of a run stand; `runDir` is `.seatrial/<testnet>/runs/<id>`. */
export const journalFile = (runDir: string): string => join(runDir, 'journal.jsonl');
export const observationsFile = (runDir: string): string => join(runDir, 'observations.jsonl');
export const ledgerFile = (runDir: string): string => join(runDir, 'ledger.jsonl');
export const evidenceFolder = (runDir: string): string => join(runDir, 'evidence');

/** The folder of a run; `stateDir` is the testnet's own folder, `.seatrial/<testnet>`. */
export const runFolder = (stateDir: string, runId: string): string => join(stateDir, 'runs', runId);
