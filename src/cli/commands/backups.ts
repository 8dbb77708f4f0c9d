import { heightOf, sizeOf } from '../../backup/backup-manifest.ts';
import { verifyBackup, type FoundBackup } from '../../backup/find-backups.ts';
import { systemClock } from '../../core/clock.ts';
import { exitCode } from '../../core/exit-code.ts';
import { formatAge, formatBytes } from '../backup-text.ts';
import { openBackups } from '../backups.ts';
import { openNamedProject } from '../change.ts';
import { interruptSignal } from '../interrupt.ts';
import { print, printJson, table } from '../output.ts';

export interface BackupsCommandOptions {
  from: string[];
  verify?: boolean;
  prune?: boolean;
  json?: boolean;
}

/** `seatrial backups <testnet>`: what there is in every target, unfinished and damaged ones among it. */
export async function backups(testnet: string, options: BackupsCommandOptions): Promise<number> {
  const interrupt = interruptSignal();
  try {
    const { signal } = interrupt;
    const project = await openNamedProject(testnet);
    const opened = openBackups(project);
    const removed = options.prune ? await opened.prune(options.from, signal) : [];
    const found = await opened.list(options.from, signal);
    const rows: { backup: FoundBackup; problem: string | undefined }[] = [];
    for (const backup of found) {
      rows.push({ backup, problem: options.verify ? await verifyBackup(backup, signal) : backup.problem });
    }
    const isWell = rows.every(({ problem }) => problem === undefined);
    if (options.json) printJson({ testnet: project.name, removed, backups: rows.map((row) => asJson(row, options)) });
    else {
      for (const { id, target } of removed) print(`removed ${id} from ${target}`);
      print(rows.length === 0 ? `${project.name} has no backups yet` : listText(rows, options));
    }
    return options.verify && !isWell ? exitCode.failed : 0;
  } finally {
    interrupt.dispose();
  }
}

function listText(
  rows: readonly { backup: FoundBackup; problem: string | undefined }[],
  { verify }: BackupsCommandOptions,
): string {
  const nowMs = systemClock.wallMs();
  const cells = rows.map(({ backup: { id, manifest, target }, problem }) => [
    id,
    manifest ? manifest.nodes.map(({ node }) => node).join(',') : '-',
    manifest ? (heightOf(manifest)?.toString() ?? '-') : '-',
    manifest ? formatAge(nowMs - Date.parse(manifest.createdAt)) : '-',
    manifest ? formatBytes(sizeOf(manifest)) : '-',
    manifest?.rebuild ? 'yes' : 'no',
    problem ?? (verify ? 'verified' : 'not read'),
    target.name,
  ]);
  return table([['BACKUP', 'NODES', 'HEIGHT', 'AGE', 'SIZE', 'WHOLE', 'STATE', 'TARGET'], ...cells]);
}

function asJson(
  { backup: { id, manifest, target }, problem }: { backup: FoundBackup; problem: string | undefined },
  { verify = false }: BackupsCommandOptions,
): object {
  return {
    id,
    target: target.name,
    isUsable: problem === undefined,
    isVerified: verify && problem === undefined,
    ...(problem !== undefined && { problem }),
    ...(manifest && {
      createdAt: manifest.createdAt,
      nodes: manifest.nodes.map(({ node, version, digest, height }) => ({
        node,
        version,
        digest,
        height: height ?? null,
      })),
      height: heightOf(manifest) ?? null,
      sizeBytes: sizeOf(manifest),
      isWhole: manifest.rebuild !== undefined,
    }),
  };
}
