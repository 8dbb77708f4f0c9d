import { systemClock } from '../core/clock.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { dropLeftStaging } from '../engine/backups/drop-left-staging.ts';
import { acquireLock } from '../engine/lock.ts';
import { openProject, type ContainerNeeds, type ContainerSupport, type Project } from '../engine/project.ts';
import { openRunBreakers } from '../engine/run-breakers.ts';
import { executeRun, type RunResult } from '../engine/run.ts';
import type { PreparedRun } from '../engine/planning/prepare.ts';
import type { ResumedRun } from '../engine/resuming/resume.ts';
import { readStopped } from '../engine/stopped-testnet.ts';
import type { Lab, LabLease } from '../lab/lab.ts';
import type { Topology } from '../topology/topology.ts';
import type { Interruption } from './interrupt.ts';
import { takeLease } from './lease.ts';
import { forgetTestnet, prometheusUrlOf, readDeployedTopology, writeDeployedTopology } from '../engine/state.ts';
import { testnetFile } from '../engine/testnet-files.ts';
import { httpTransport } from '../gates/http-transport.ts';
import { listRuns } from '../journal/list-runs.ts';
import { nodeReleases } from '../journal/node-releases.ts';
import { exitCodeOf } from '../journal/outcome-exit-code.ts';
import { readJournal } from '../journal/read-journal.ts';
import { isResumableOutcome } from '../journal/run-ending.ts';
import { runFolder } from '../journal/run-files.ts';
import { newRunId } from '../journal/run-id.ts';
import { random } from '../core/random.ts';
import { openBackups } from './backups.ts';
import { cleanUp, tellNotGivenBack } from './clean-up.ts';
import type { LabAccess } from './lab-access.ts';
import { print, printJson } from './output.ts';
import { planText } from './plan-text.ts';
import { createRunListeners } from './run-listeners.ts';
import { resolveReference } from './root.ts';

/** A testnet by its file, or by its name. */
export async function openNamedProject(reference: string): Promise<Project> {
  const { root, name, file } = resolveReference(reference);
  return openProjectFile(root, file ?? (await testnetFile(root, name)));
}

/** Opens a testnet's file and profile; container adapters are loaded only for a container lab. */
export async function openProjectFile(root: string, path: string): Promise<Project> {
  const containers = async (needs: ContainerNeeds): Promise<ContainerSupport> => {
    const { containerSupport } = await import('./docker-access.ts');
    return containerSupport(needs, (line) => void process.stderr.write(`${line}\n`));
  };
  return openProject(root, path, containers, process.execPath);
}

/** A run works on what was brought up, with the very releases it runs. Throws UsageError when nothing was. */
export async function requireDeployed(project: Project): Promise<void> {
  const deployed = await readDeployedTopology(project.stateDir);
  await requireStarted(project);
  if (deployed) {
    project.keepReleases(deployed);
    return;
  }
  throw new UsageError(`${project.name} is not up; bring it up with: seatrial up stacks/${project.name}.yaml`);
}

/** Throws UsageError when the testnet was stopped with its state kept, and not started again. */
export async function requireStarted({ name, stateDir }: Pick<Project, 'name' | 'stateDir'>): Promise<void> {
  const stopped = await readStopped(stateDir);
  if (!stopped) return;
  throw new UsageError(`${name} is stopped since ${stopped.since}; start it with: seatrial up stacks/${name}.yaml`);
}

/** Runs `work` while holding the testnet's lock, and tells of a run that was killed before. */
export async function withLock<T>(
  stateDir: string,
  purpose: string,
  notice: (text: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(stateDir, purpose, new Date(systemClock.wallMs()).toISOString());
  try {
    for (const line of await describeUnfinished(stateDir)) notice(line);
    return await work();
  } finally {
    // A file that stays behind names a process that is gone: the next command takes the lock over.
    const giveBack = (): Promise<void> => lock.release();
    tellNotGivenBack(await cleanUp([{ otherwise: 'the lock of this machine was not given back', giveBack }]));
  }
}

/** The newest run, if it never came to an end, and what each node runs as far as it wrote it down. */
async function describeUnfinished(stateDir: string): Promise<string[]> {
  const [newest] = await listRuns(stateDir);
  if (newest?.outcome !== 'unfinished') return [];
  const { records } = await readJournal(runFolder(stateDir, newest.id));
  const nodes = nodeReleases(records).map(({ node, version, unfinished }) =>
    unfinished
      ? `${node}: ${version ?? 'absent'}, was being changed to ${unfinished.toVersion}`
      : `${node}: ${version ?? 'absent'}`,
  );
  return [
    `run ${newest.id} (${newest.runbook ?? 'unknown'}) was cut off and never ended. Its nodes, as it last knew them:`,
    ...nodes.map((line) => `  ${line}`),
    newest.runbook === 'up' ? `finish it with: seatrial up stacks/${newest.testnet}.yaml` : goOnText(newest.id),
  ];
}

function goOnText(runId: string): string {
  return `go on with it: seatrial resume ${runId}; or take back what it did: seatrial abort ${runId}`;
}

export interface ExecuteOptions {
  json?: boolean;
  /** Serve the run's metrics on this port of loopback. */
  metricsPort?: number;
  /** Done once the lab is this command's, before the run begins. */
  onLeased?: (lab: Lab, topology: Topology, signal: AbortSignal) => Promise<void>;
  /** The testnet is forgotten again unless the run passes. Default false. */
  isAdopting?: boolean;
  /** With `json`, print what became of the run. Default true. */
  tellsResult?: boolean;
}

interface Executed extends RunResult {
  /** What the command could not give back after the run; its exit code says so unless the run's is graver. */
  notGivenBack?: string[];
}

/** Executes a prepared run, new or gone on with, while holding the lease on its lab. What goes wrong afterwards hides neither result nor error. */
async function execute(
  project: Project,
  run: PreparedRun | ResumedRun,
  access: LabAccess,
  options: ExecuteOptions,
  interruption: Interruption,
): Promise<Executed> {
  const resumed = 'runId' in run ? run : undefined;
  const runId = resumed?.runId ?? newRunId(systemClock, random);
  const { stateDir, testnet, monitoring } = run.target;
  const runDir = runFolder(stateDir, runId);
  const prometheusUrl = prometheusUrlOf(run.target);
  const breakers = await openRunBreakers({
    runDir,
    topology: run.target,
    lab: access.lab,
    clock: systemClock,
    random,
    transport: httpTransport(systemClock),
    prometheusUrl,
    onChange: ({ host, callClass, state }) => {
      if (callClass === 'docker') process.stderr.write(`calls to the Docker engine (${host}): breaker ${state}\n`);
    },
  });
  const reporter = await createRunListeners({
    testnet,
    runbook: run.plan.runbook,
    plan: run.plan,
    runId,
    runDir,
    monitoring,
    breakers: () => breakers.snapshot(),
    json: options.json,
    metricsPort: options.metricsPort,
    past: resumed?.resumes.records ?? [],
  });
  let lease: LabLease | undefined;
  const giveBack = async (result?: RunResult): Promise<string[]> => {
    const isForgotten = options.isAdopting && result?.outcome !== 'passed';
    const problems = await cleanUp([
      {
        otherwise: 'the testnet was not forgotten again',
        giveBack: () => (isForgotten ? forgetTestnet(stateDir) : undefined),
      },
      { otherwise: 'the lease on the lab was not given back', giveBack: () => lease?.release() },
      { otherwise: 'the state of the breakers was not kept', giveBack: () => breakers.close() },
      { otherwise: 'not all was told of the run', giveBack: () => reporter.close() },
    ]);
    tellNotGivenBack(problems);
    return problems;
  };
  let result: RunResult;
  try {
    const purpose = `${run.plan.runbook} (run ${runId})`;
    lease = await takeLease(breakers.lab, project.stateDir, testnet, purpose, interruption.signal);
    await options.onLeased?.(breakers.lab, run.target, interruption.signal);
    if (!resumed) {
      await dropLeftStaging(stateDir, run.plan);
      await writeDeployedTopology(run.topology);
    }
    result = await executeRun({
      ...run,
      runId,
      profile: project.profile,
      specHash: project.loaded.hash,
      lab: breakers.lab,
      transport: breakers.transport,
      deployer: await access.deployer(),
      backups: openBackups(project),
      topologyFor: (wanted) => project.topology(wanted),
      clock: systemClock,
      random,
      prometheusUrl,
      reporter: {
        ...reporter,
        onRecord: (record) => {
          breakers.onRecord(record);
          reporter.onRecord(record);
        },
      },
      lease,
      signal: interruption.signal,
      hurry: interruption.hurry,
      onBegun: (remains) => (interruption.remains = remains),
    });
  } catch (error) {
    await giveBack();
    throw error;
  }
  const notGivenBack = await giveBack(result);
  if (notGivenBack.length === 0) return result;
  return { ...result, exitCode: exitCodeOf(result.outcome, notGivenBack), notGivenBack };
}

/**
 * Shows the plan, executes exactly it, and writes the report. Returns the run's own exit code, whatever becomes of the report; 5 where something
 * could not be given back after a run that left nothing graver to say.
 */
export async function executeAndReport(
  project: Project,
  prepared: PreparedRun | ResumedRun,
  access: LabAccess,
  options: ExecuteOptions,
  interruption: Interruption,
): Promise<number> {
  if (!options.json) print(`${planText(prepared.plan)}\n`);
  const result = await execute(project, prepared, access, options, interruption);
  // The renderer is loaded after the run: it is needed only then.
  const { writeReport } = await import('./commands/report.ts');
  const report = await writeReport(result.runDir).catch((error: unknown) => {
    process.stderr.write(`the report could not be written: ${messageOf(error)}\n`);
  });
  if (options.json && options.tellsResult === false) return result.exitCode;
  if (options.json) printJson({ ...result, report: report ?? null });
  else {
    if (report !== undefined) print(`report: ${report}`);
    if (isResumableOutcome(result.outcome) && prepared.plan.runbook !== 'up' && !options.isAdopting)
      print(goOnText(result.runId));
  }
  return result.exitCode;
}
