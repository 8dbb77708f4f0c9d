import { existsSync } from 'node:fs';
import { RefusedError, UsageError } from '../../core/errors.ts';
import { systemClock, type Clock } from '../../core/clock.ts';
import { removeTornFiles } from '../../core/files.ts';
import { loadEvidence } from '../../journal/evidence.ts';
import { Journal } from '../../journal/journal.ts';
import { readJournal } from '../../journal/read-journal.ts';
import type { RunRecord } from '../../journal/records.ts';
import { isResumable, runEnding } from '../../journal/run-ending.ts';
import { evidenceFolder, runFolder } from '../../journal/run-files.ts';
import type { ResolvedRelease, Topology } from '../../topology/topology.ts';
import { codeHash } from '../code-hash.ts';
import { planHash } from '../planning/plan.ts';
import type { PreparedRun } from '../planning/prepare.ts';
import type { Project } from '../project.ts';
import { isRunStart } from '../run-state.ts';
import type { SessionOptions } from '../session.ts';
import { readDeployedTopology } from '../state.ts';

/** A run that goes on: its own plan and releases, and the records that it wrote. */
export type ResumedRun = PreparedRun & {
  runId: string;
  deployed: Topology;
  resumes: NonNullable<SessionOptions['resumes']>;
  journal: NonNullable<SessionOptions['journal']>;
};

export interface ResumeOptions {
  acceptedCode?: string | undefined;
  /** The run is gone on with in order to take back what it did. */
  isAbort?: boolean;
  clock?: Clock;
}

/**
 * Makes ready to go on with a run that was cut off, interrupted or held. Verifies its journal's chain first. Throws RefusedError when the
 * journal is broken, when the program or the testnet file is another than the run began with (`acceptedCode`: first digits of the
 * program's hash that is accepted all the same), or when a release that it needs is gone; UsageError when the run has ended.
 */
export async function prepareResume(project: Project, runId: string, options: ResumeOptions = {}): Promise<ResumedRun> {
  const { acceptedCode, isAbort = false, clock = systemClock } = options;
  const runDir = runFolder(project.stateDir, runId);
  const { records } = await readJournal(runDir);
  const started = requireResumable(runId, records);
  // What undoes a run is not kept back by an edit; what goes on with it is.
  const isOther = isAbort ? started.code !== (await codeHash()) : await requireCode(runId, started.code, acceptedCode);
  const start: unknown = started.inputs === undefined ? undefined : await loadEvidence(runDir, started.inputs);
  if (!isRunStart(start)) {
    throw new RefusedError('unsupported', `run ${runId} was begun by a version that could not be resumed`);
  }
  if (start.specHash !== project.loaded.hash && !isAbort) {
    throw new RefusedError(
      'drift',
      `stacks/${project.name}.yaml was edited since run ${runId} began; put it back to go on, or undo the run with: seatrial abort ${runId}`,
    );
  }
  if (planHash(started.plan) !== started.planHash) {
    throw new RefusedError('drift', `the plan of run ${runId} is not the one that its journal names`);
  }
  const releases = start.releases as ResolvedRelease[];
  for (const { version, programPath } of releases) {
    if (programPath === undefined || existsSync(programPath)) continue;
    throw new RefusedError('drift', `release ${version}, which run ${runId} needs, is gone from the store`);
  }
  project.pinReleases(releases);
  const deployed = await readDeployedTopology(project.stateDir);
  if (!deployed) throw new UsageError(`${project.name} is not up: there is nothing to go on with`);
  project.keepReleases({ ...deployed, nodes: [] });
  const topology = await project.topology(start.before);
  for (const folder of [runDir, evidenceFolder(runDir)]) await removeTornFiles(folder);
  const { journal } = await Journal.open(runDir, clock);
  return {
    runId,
    plan: started.plan,
    topology,
    target: topology,
    before: start.before,
    releases,
    deployed,
    journal,
    resumes: { records, acceptedCode: isOther },
  };
}

function requireResumable(runId: string, records: readonly RunRecord[]): RunRecord & { type: 'run.started' } {
  const started = records.find((record) => record.type === 'run.started');
  if (!started) throw new UsageError(`run ${runId} was cut off before it began: nothing was touched, start it anew`);
  if (isResumable(records)) return started;
  const { outcome } = runEnding(records);
  throw new UsageError(`run ${runId} has ended (${outcome}): there is nothing to go on with`);
}

/** Whether the run goes on with another program than it began with. */
async function requireCode(runId: string, begun: string | undefined, accepted: string | undefined): Promise<boolean> {
  const now = await codeHash();
  if (begun === now) return false;
  if (accepted !== undefined && accepted.length >= 8 && now.startsWith(accepted)) return true;
  const was = begun === undefined ? 'unknown' : begun.slice(0, 12);
  throw new RefusedError(
    'drift',
    `run ${runId} was begun by another build of Seatrial (${was}; this one is ${now.slice(0, 12)}), which may do the remaining steps otherwise. Go on with that build, or accept this one: seatrial resume ${runId} --accept-code ${now.slice(0, 12)}`,
    { details: { begun, now } },
  );
}
