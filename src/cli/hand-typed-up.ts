import { systemClock } from '../core/clock.ts';
import { random } from '../core/random.ts';
import { SpecError } from '../core/errors.ts';
import { allEnded } from '../core/wait.ts';
import type { RollHooks } from '../engine/deployer.ts';
import { acquireLock } from '../engine/lock.ts';
import { endingOf, type Ending } from '../engine/ending/outcome.ts';
import { changedNodes } from '../engine/planning/plan.ts';
import { prepareUp } from '../engine/planning/prepare.ts';
import { prometheusUrlOf, writeDeployedTopology } from '../engine/state.ts';
import { RunSession } from '../engine/session.ts';
import { endStage } from '../engine/stages.ts';
import { testnetFile } from '../engine/testnet-files.ts';
import { runFolder } from '../journal/run-files.ts';
import { newRunId } from '../journal/run-id.ts';
import { connectDocker } from '../lab/docker/connection.ts';
import { createDockerLab } from '../lab/docker/docker-lab.ts';
import type { LabLease, NodeObservation } from '../lab/lab.ts';
import type { ContainerDefinition } from '../topology/container-definition.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import { openProjectFile, requireStarted } from './change.ts';
import { cleanUp } from './clean-up.ts';
import { writeReport } from './commands/report.ts';
import { takeLease } from './lease.ts';
import { describe } from './progress.ts';
import { createRunListeners, type RunListeners } from './run-listeners.ts';
import { secretsPlacer } from './pulumi-access.ts';

export interface HandTypedUp {
  topology: Topology;
  order: string[];
  hooks: RollHooks;
  observe(node: TopologyNode): Promise<NodeObservation>;
  placeSecrets(container: ContainerDefinition): Promise<void>;
  /** Ends the run with what the program ended with; writes the report and gives the lock back. Rejects where the program ended well and a last gate did not pass. */
  finish(error?: unknown): Promise<void>;
}

/**
 * What a `pulumi up` typed by hand needs: the same lock, journal, budget and gates as a scripted run, without a rollback. A preview
 * takes no lock and writes nothing.
 */
export async function openHandTypedUp(
  root: string,
  stack: string,
  options: { isPreview: boolean; onProgress: (text: string) => void; signal: AbortSignal },
): Promise<HandTypedUp> {
  const project = await openProjectFile(root, await testnetFile(root, stack));
  if (project.loaded.spec.lab !== 'docker') {
    const position = project.loaded.document.position(['lab']);
    throw new SpecError([
      {
        message: `pulumi makes containers; bring a testnet of processes up with: seatrial up stacks/${stack}.yaml`,
        position,
      },
    ]);
  }
  const { docker } = await connectDocker();
  const placeSecrets = secretsPlacer(docker);
  if (options.isPreview) {
    const topology = await project.topology(project.desired);
    const lab = createDockerLab({ topology, docker });
    return {
      topology,
      order: [],
      hooks: noHooks,
      observe: (node) => lab.observe(node),
      placeSecrets,
      finish: async () => undefined,
    };
  }
  await requireStarted(project);
  const lock = await acquireLock(project.stateDir, 'pulumi up', new Date(systemClock.wallMs()).toISOString());
  let lease: LabLease | undefined;
  let listeners: RunListeners | undefined;
  const giveBack = async (): Promise<void> => {
    const problems = await cleanUp([
      { otherwise: 'not all was told of the run', giveBack: () => listeners?.close() },
      { otherwise: 'the lease on the lab was not given back', giveBack: () => lease?.release() },
      { otherwise: 'the lock of this machine was not given back', giveBack: () => lock.release() },
    ]);
    // Pulumi has the terminal, and its update has ended as it has.
    for (const problem of problems) options.onProgress(`clean-up incomplete: ${problem}`);
  };
  try {
    const prepared = await prepareUp(
      project,
      async (topology) => createDockerLab({ topology, docker }),
      options.signal,
    );
    const lab = createDockerLab({ topology: prepared.target, docker });
    const order = changedNodes(prepared.plan);
    lease = await takeLease(lab, project.stateDir, prepared.target.testnet, 'pulumi up', options.signal);
    const runId = newRunId(systemClock, random);
    const { testnet, stateDir, monitoring } = prepared.target;
    const runDir = runFolder(stateDir, runId);
    // Pulumi has the terminal; what it is told goes through `onProgress`.
    listeners = await createRunListeners({ testnet, runbook: 'up', runId, runDir, monitoring, json: true });
    const follow = listeners.onRecord;
    const session = await RunSession.open({
      runId,
      topology: prepared.topology,
      profile: project.profile,
      specHash: project.loaded.hash,
      before: prepared.before,
      releases: prepared.releases,
      plan: prepared.plan,
      lab,
      lease,
      clock: systemClock,
      random,
      prometheusUrl: prometheusUrlOf(prepared.target),
      reporter: {
        onRecord: (record) => {
          follow(record);
          const text = describe(record);
          if (text !== undefined) options.onProgress(text);
        },
      },
      signal: options.signal,
    });
    await writeDeployedTopology(prepared.target);
    const hooks = session.hooks({ id: prepared.plan.runbook, target: prepared.target, order }, options.signal);
    const complete = async (): Promise<void> => {
      const staged = prepared.plan.steps.filter(({ stage }) => stage !== undefined);
      await endStage(session, staged, hooks);
      session.gates.throwIfGuardFailed();
    };
    const finish = async (error?: unknown): Promise<void> => {
      const late =
        error === undefined
          ? await complete().then(
              () => undefined,
              (found: unknown) => found,
            )
          : undefined;
      const failure = error ?? late;
      const ending: Ending = failure === undefined ? { outcome: 'passed' } : endingOf(failure);
      try {
        await session.finish(ending, { lost: 0, duplicated: 0 });
        options.onProgress(`report: ${await writeReport(session.runDir)}`);
      } finally {
        await giveBack();
      }
      if (late instanceof Error) throw late;
    };
    try {
      if (prepared.plan.steps.some((step) => step.kind === 'preflight')) {
        await allEnded([
          session.gates.preflight(prepared.topology, order, { judgesIdentity: false, mayRepair: true }),
          session.contract.look(prepared.topology, order, options.signal),
        ]);
      }
    } catch (error) {
      await finish(error);
      throw error;
    }
    return {
      topology: prepared.target,
      order,
      hooks,
      observe: (node) => lab.observe(node),
      placeSecrets,
      finish,
    };
  } catch (error) {
    await giveBack();
    throw error;
  }
}

/** For a preview, in which nothing is changed and so nothing is gated. */
const noHooks: RollHooks = {
  before: async () => undefined,
  after: async () => undefined,
  afterCreated: async () => undefined,
  isProven: async () => true,
};
