import { RefusedError, UsageError } from '../../core/errors.ts';
import { requireAdoptable, requireNotUp } from '../../engine/adopt.ts';
import { prepareStages, prepareUp, type PreparedRun } from '../../engine/planning/prepare.ts';
import { noteStarted } from '../../engine/stopped-testnet.ts';
import type { Project } from '../../engine/project.ts';
import { readDeployedTopology } from '../../engine/state.ts';
import type { Lab } from '../../lab/lab.ts';
import type { Topology } from '../../topology/topology.ts';
import { attachedClient } from '../attached-access.ts';
import { executeAndReport, openNamedProject, withLock } from '../change.ts';
import { interruptSignal } from '../interrupt.ts';
import type { LabAccess } from '../lab-access.ts';
import { accessLab } from '../labs.ts';
import { startMonitoring } from '../stop-testnet.ts';

export interface UpOptions {
  /** Adopts nodes that others started. */
  attach?: boolean;
  json?: boolean;
}

/** `seatrial up <file>`: makes the testnet what its file says: creates, mends, or upgrades node by node behind gates. */
export async function up(reference: string, options: UpOptions): Promise<number> {
  const interrupt = interruptSignal();
  let access: LabAccess | undefined;
  try {
    const project = await openNamedProject(reference);
    requireFitting(project, options);
    const notice = (text: string): void => void process.stderr.write(`${text}\n`);
    return await withLock(project.stateDir, 'up', notice, async () => {
      const labOf = async (topology: Parameters<typeof accessLab>[1]) =>
        (access = await accessLab(project, topology)).lab;
      const prepared = options.attach
        ? await prepareAttach(project, labOf, interrupt.signal)
        : await prepareUp(project, labOf, interrupt.signal);
      if (!access) throw new Error('preparing opens the lab');
      const onLeased = async (lab: Lab, topology: Topology, signal: AbortSignal): Promise<void> => {
        await startMonitoring(lab, topology, signal);
        await noteStarted(topology.stateDir);
      };
      return executeAndReport(
        project,
        prepared,
        access,
        { ...options, isAdopting: options.attach ?? false, onLeased },
        interrupt,
      );
    });
  } finally {
    interrupt.dispose();
    await access?.lab.close();
  }
}

function requireFitting({ name, loaded }: Project, { attach = false }: UpOptions): void {
  const isAttached = loaded.spec.lab === 'attached';
  if (attach && !isAttached) {
    throw new UsageError(
      `--attach is for nodes that others started; ${name} says lab: ${loaded.spec.lab}, not attached`,
    );
  }
  if (isAttached && !attach) {
    throw new RefusedError(
      'unsupported',
      `the attached lab cannot start nodes; adopt those of ${name} with: seatrial up stacks/${name}.yaml --attach`,
    );
  }
}

/** What adopts a network: everything is looked at, gated as it is, and nothing is touched. */
async function prepareAttach(
  project: Project,
  labOf: (topology: Topology) => Promise<Lab>,
  signal: AbortSignal,
): Promise<PreparedRun> {
  requireNotUp(await readDeployedTopology(project.stateDir));
  const topology = await project.topology(project.desired, signal);
  const lab = await labOf(topology);
  const byName = new Map(topology.nodes.map((node) => [node.name, attachedClient(node)]));
  const client = (name: string): ReturnType<typeof attachedClient> => {
    const found = byName.get(name);
    if (!found) throw new UsageError(`there is no node ${name}`);
    return found;
  };
  await requireAdoptable({ topology, profile: project.profile, lab, client, signal });
  const nodes = topology.nodes.map(({ name }) => name);
  const stages = [{ kind: 'soak' as const, id: 'adopt', nodes }];
  return prepareStages(project, lab, { name: 'attach', parameters: {}, stages }, signal);
}
