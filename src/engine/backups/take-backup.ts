import { RefusedError } from '../../core/errors.ts';
import type { Backups, StagedNode } from '../../backup/backups.ts';
import type { PlanStep } from '../../journal/records.ts';
import { stepId } from '../planning/plan.ts';
import type { RunContext } from '../run-context.ts';
import { hashesIn } from '../snapshots.ts';

/** The backups of the run's testnet. Throws RefusedError('unsupported') where the run was given none. */
export function backupsOf({ inputs }: RunContext): Backups {
  if (inputs.backups) return inputs.backups;
  throw new RefusedError('unsupported', 'this command knows no place for backups; use seatrial run, backup or restore');
}

/** The first backup of a run has the run's id. */
function backupId({ inputs }: RunContext, stage: string | undefined): string {
  const [first] = inputs.plan.steps.filter(({ kind }) => kind === 'store-backup');
  // It is one folder of a target.
  return first?.after === stage ? inputs.runId : `${inputs.runId}-${stage?.replaceAll('/', '.')}`;
}

/** Id of the backup that the run has stored last; undefined where it has stored none. */
export function ownBackup(context: RunContext): string | undefined {
  const { inputs, session } = context;
  const stored = inputs.plan.steps.findLast(({ kind, id }) => kind === 'store-backup' && session.state.done.has(id));
  return stored && backupId(context, stored.after);
}

/** One node: stopped, copied, started, gated. The copy waits on this machine for the others. */
export async function backUpNode(context: RunContext, step: PlanStep): Promise<void> {
  const { session, snapshots, effects, inputs, signal } = context;
  const { state, gates } = session;
  const [name = ''] = step.nodes;
  const node = session.deployed.nodes.find((candidate) => candidate.name === name);
  const backups = backupsOf(context);
  const id = backupId(context, step.id.slice(0, -name.length - 1));
  let actionAtMs: number | undefined;
  if (!state.backedUp.has(step.id)) {
    const found = node && (await inputs.lab.observe(node, { signal }));
    if (!state.stopped.has(name) && found?.state !== 'running') {
      const reason = `${name} does not run (${found?.state ?? 'unknown'}): a backup is of what works`;
      await session.record({ type: 'step.refused', step: step.id, reason });
      throw new RefusedError(
        'unsafe',
        `${reason}. Mend it first with: seatrial up stacks/${inputs.topology.testnet}.yaml`,
      );
    }
    if (!state.stopped.has(name)) await gates.checkBudget(session.deployed, name, [], step.id, signal);
    gates.beginChange([name]);
    const version = node?.release.version ?? '';
    await snapshots.copy(step.id, name, { folder: backups.stagingFolder(id, name), backup: id, version }, signal);
  }
  gates.leaveOut([name]);
  if (state.stopped.has(name)) {
    actionAtMs = inputs.clock.wallMs();
    await effects.start(step.id, name, signal);
  }
  await gates.gate(step.id, [name], session.deployed, { actionAtMs, signal });
}

/** Puts what was copied into every target, and tells what came of it. */
export async function storeBackup(context: RunContext, step: PlanStep): Promise<void> {
  const { session, signal } = context;
  const id = backupId(context, step.after);
  const nodes = step.nodes.map((name): StagedNode => {
    const taken = session.state.backedUp.get(stepId(step.after ?? '', name));
    if (!taken) throw new RefusedError('drift', `${name} was not copied for backup ${id}`);
    const height = taken['height'];
    return {
      node: name,
      votingPower: session.deployed.nodes.find((node) => node.name === name)?.votingPower ?? 0,
      version: String(taken['version']),
      digest: String(taken['digest']),
      ...(typeof height === 'number' && { height }),
      hashes: hashesIn(taken),
    };
  });
  await session.requireLease(signal);
  const request = {
    id,
    topology: session.deployed,
    nodes,
    isWhole: step.isWhole ?? false,
    targets: step.targets ?? [],
  };
  const stored = await backupsOf(context).store(request, signal);
  for (const { target, removed } of stored) {
    const gone = removed.length === 0 ? '' : `; removed as no longer wanted: ${removed.join(', ')}`;
    const text = `backup ${id} of ${step.nodes.join(', ')} is in ${target}, read back and whole${gone}`;
    await session.record({ type: 'note', level: 'info', text });
  }
  await session.record({ type: 'choice', step: step.id, name: 'backup', value: id });
}
