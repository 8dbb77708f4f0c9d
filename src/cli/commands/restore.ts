import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { BackupManifest } from '../../backup/backup-manifest.ts';
import { Backups } from '../../backup/backups.ts';
import { systemClock } from '../../core/clock.ts';
import { UsageError } from '../../core/errors.ts';
import { durationOf } from '../../core/parameters.ts';
import { prepareStages } from '../../engine/planning/prepare.ts';
import type { Project } from '../../engine/project.ts';
import type { RunbookStage } from '../../engine/runbook.ts';
import { stateFolder } from '../../engine/state.ts';
import { loadTestnetFile } from '../../spec/load.ts';
import { executeAndReport, openNamedProject, openProjectFile, requireDeployed, withLock } from '../change.ts';
import { interruptSignal, type Interruption } from '../interrupt.ts';
import { accessLab } from '../labs.ts';
import { resolveReference } from '../root.ts';

export interface RestoreOptions {
  from: string[];
  maxAge?: string;
  rebuild?: boolean;
  identity?: string;
  acceptDoubleSignRisk?: boolean;
  json?: boolean;
}

/** `seatrial restore <testnet> <backup> [nodes]`: a run that checks a backup, puts it back behind gates, and proves it. */
export async function restore(
  reference: string,
  id: string,
  nodes: readonly string[],
  options: RestoreOptions,
): Promise<number> {
  if (options.rebuild && nodes.length > 0) {
    throw new UsageError('--rebuild makes the whole testnet anew; name no nodes with it');
  }
  const interrupt = interruptSignal();
  try {
    const notice = (text: string): void => void process.stderr.write(`${text}\n`);
    if (!options.rebuild) {
      const project = await openNamedProject(reference);
      await requireDeployed(project);
      return await withLock(project.stateDir, 'restore', notice, () => run(project, id, nodes, options, interrupt));
    }
    const { root, name, file } = resolveReference(reference);
    return await withLock(stateFolder(root, name), 'restore', notice, async () => {
      const found = await placeFiles({ root, name, file }, id, options, interrupt.signal);
      const project = await openProjectFile(root, found.specFile);
      pinPrograms(project, found.manifest);
      return run(project, found.manifest.id, [], options, interrupt);
    });
  } finally {
    interrupt.dispose();
  }
}

async function run(
  project: Project,
  id: string,
  nodes: readonly string[],
  options: RestoreOptions,
  interrupt: Interruption,
): Promise<number> {
  const { from, maxAge, rebuild = false, acceptDoubleSignRisk = false } = options;
  const stage: RunbookStage = {
    kind: 'restore-backup',
    id: 'restore',
    backup: id,
    from,
    ...(nodes.length > 0 && { nodes: [...nodes] }),
    ...(maxAge !== undefined && { maxAgeMs: durationOf(maxAge, '--max-age') }),
    ...(rebuild && { rebuild }),
    ...(acceptDoubleSignRisk && { acceptDoubleSignRisk }),
  };
  const access = await accessLab(project, await project.topology(project.desired, interrupt.signal));
  try {
    const parameters = {
      backup: id,
      nodes: nodes.join(',') || 'all',
      ...(from.length > 0 && { from: from.join(',') }),
    };
    const request = { name: 'restore', parameters, stages: [stage], mayBeAbsent: nodes.length === 0 };
    const prepared = await prepareStages(project, access.lab, request, interrupt.signal);
    return await executeAndReport(project, prepared, access, options, interrupt);
  } finally {
    await access.lab.close();
  }
}

/**
 * Puts back what the testnet is described by, so that it can be opened like any other: only when every byte of the backup was read and
 * compared, the nodes' data among it.
 */
async function placeFiles(
  { root, name, file }: { root: string; name: string; file?: string | undefined },
  id: string,
  { from, identity }: RestoreOptions,
  signal: AbortSignal,
): Promise<{ manifest: BackupManifest; specFile: string }> {
  const specFile = file ?? join(root, 'stacks', `${name}.yaml`);
  const stateDir = stateFolder(root, name);
  const loaded = existsSync(specFile) ? await loadTestnetFile(specFile) : undefined;
  await mkdir(stateDir, { recursive: true });
  const backups = new Backups({
    root,
    testnet: name,
    system: loaded?.spec.system ?? '',
    stateDir,
    specFile,
    settings: loaded?.spec.backups ?? {},
    clock: systemClock,
    env: process.env,
    identityFile: identity === undefined ? undefined : resolve(identity),
    notice: (text) => void process.stderr.write(`${text}\n`),
  });
  const { manifest, target } = await backups.find(id, from, { suits: ({ rebuild }) => rebuild !== undefined, signal });
  await backups.stage(
    manifest,
    target,
    manifest.nodes.map(({ node }) => node),
    signal,
  );
  await backups.rebuild(manifest, target, signal);
  return { manifest, specFile };
}

/** The very programs that the nodes ran, instead of what is built from today's sources. */
function pinPrograms(project: Project, { rebuild }: BackupManifest): void {
  if (project.loaded.spec.lab !== 'process') return;
  const store = join(project.root, '.seatrial', 'releases');
  project.pinReleases(
    (rebuild?.releases ?? []).flatMap(({ version, kind, digest, program }) =>
      program ? [{ version, kind, digest, programPath: join(store, `${digest.replace('sha256:', '')}.mjs`) }] : [],
    ),
  );
}
