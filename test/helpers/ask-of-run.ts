import { writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunInputs } from '../../src/engine/run-context.ts';
import { requestOf } from '../../src/engine/run-control.ts';
import type { RunRequest } from '../../src/engine/run-request.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { executeRun, type RunResult } from '../../src/engine/run.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import { hashOfPlan, type RunWorld, type UpgradeOptions } from './run-world.ts';

export interface Asked {
  inputs: RunInputs;
  result: RunResult;
  records: RunRecord[];
}

/** Who asks, in these tests. */
const by = 'operator@desk';

/** A decision on a step of the plan of these inputs. */
export function decision(
  inputs: RunInputs,
  step: string,
  what: 'approved' | 'rejected',
  given: { planHash?: string; atMs?: number } = {},
): RunRequest {
  return { kind: 'decide', by, step, planHash: hashOfPlan(inputs), decision: what, ...given };
}

export function plainRequest(kind: 'pause' | 'continue' | 'abort'): RunRequest {
  return { kind, by };
}

let requests = 0;

/** Leaves a request as another command would. */
export async function ask(inputs: RunInputs, request: RunRequest): Promise<void> {
  await requestOf(runFolder(inputs.topology.stateDir, inputs.runId), request, String(++requests).padStart(6, '0'));
}

/** Leaves a file where requests are looked for. */
export async function leaveFile(inputs: RunInputs, name: string, content: string): Promise<void> {
  const folder = join(runFolder(inputs.topology.stateDir, inputs.runId), 'requests');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), content);
}

/** Executes a run, and does `heed` at each record, with what the run was given. */
export async function runAsked(
  world: RunWorld,
  options: UpgradeOptions,
  heed: (record: RunRecord, inputs: RunInputs) => void,
): Promise<Asked> {
  const inputs: RunInputs = await world.inputs({ ...options, onRecord: (record) => heed(record, inputs) });
  const result = await world.untilSettled(executeRun(inputs));
  return { inputs, result, records: (await readJournal(result.runDir)).records };
}

/** The records of one type, as they stand in the journal. */
export function recordsOf<T extends RunRecord['type']>(
  records: readonly RunRecord[],
  type: T,
): (RunRecord & { type: T })[] {
  return records.filter((record): record is RunRecord & { type: T } => record.type === type);
}
