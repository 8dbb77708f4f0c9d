import { dirname, isAbsolute, join, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { BackupSpec, BackupTargetSpec } from '../spec/testnet.ts';
import type { BackupTarget } from './backup-target.ts';
import { folderTarget } from './folder-target.ts';

export interface TargetPlaces {
  /** Root of the project. */
  root: string;
  /** The testnet file, which paths of its targets are relative to. */
  specFile: string;
  env: NodeJS.ProcessEnv;
}

/** Where a testnet's backups are kept when nobody says otherwise. */
export function defaultFolder(root: string): string {
  return join(root, 'backups');
}

/** The targets of a testnet file; the project's own folder where it names none. */
export function targetSpecs({ to }: BackupSpec, { root }: Pick<TargetPlaces, 'root'>): BackupTargetSpec[] {
  if (to === undefined) return [{ folder: defaultFolder(root) }];
  return Array.isArray(to) ? to : [to];
}

/**
 * The targets that `--to` or a runbook names: by the name that the testnet file gives one, a folder with a slash in it, or
 * `s3://bucket/prefix`, whose endpoint is then in AWS_ENDPOINT_URL. None named: those of the testnet file.
 */
export async function openTargets(
  named: readonly string[],
  settings: BackupSpec,
  places: TargetPlaces,
): Promise<BackupTarget[]> {
  const known = targetSpecs(settings, places);
  const specs = named.length === 0 ? known : named.map((text) => specNamed(text, known, places));
  return Promise.all(specs.map((spec) => openTarget(spec, places)));
}

async function openTarget(spec: BackupTargetSpec, { specFile, env }: TargetPlaces): Promise<BackupTarget> {
  const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(dirname(specFile), path));
  if (typeof spec === 'string') return folderTarget(absolute(spec));
  if ('folder' in spec) return folderTarget(absolute(spec.folder));
  if ('command' in spec) {
    const { commandTarget } = await import('./command-target.ts');
    const [program = '', ...rest] = spec.command;
    // A path that leads somewhere is one from the testnet file, as everywhere in it; a bare name is looked for in PATH.
    return commandTarget({ ...spec, command: [program.includes('/') ? absolute(program) : program, ...rest] }, env);
  }
  const { s3Target, s3Credentials } = await import('./s3-target.ts');
  const { credentials } = spec.s3;
  return s3Target(spec.s3, await s3Credentials(credentials === undefined ? undefined : absolute(credentials), env));
}

function specNamed(text: string, known: readonly BackupTargetSpec[], { env }: TargetPlaces): BackupTargetSpec {
  const found = known.find((spec) => typeof spec !== 'string' && spec.name === text);
  if (found) return found;
  if (text.startsWith('s3://')) {
    const [, bucket = '', prefix] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(text) ?? [];
    const endpoint = env['AWS_ENDPOINT_URL'];
    if (bucket === '') throw new UsageError(`${text} names no bucket; write s3://bucket/prefix`);
    if (!endpoint) throw new UsageError(`${text} needs the storage's URL in the environment, as AWS_ENDPOINT_URL`);
    return { s3: { endpoint, bucket, ...(prefix && { prefix }), region: env['AWS_REGION'] ?? 'auto' } };
  }
  // What is typed is relative to where it is typed.
  if (text.includes('/')) return { folder: resolve(text) };
  const names = known.flatMap((spec) => (typeof spec === 'string' || spec.name === undefined ? [] : [spec.name]));
  const hint = names.length > 0 ? didYouMean(text, names) : '; the testnet file names none';
  throw new UsageError(`there is no backup target ${text}${hint}. A folder has a slash in it, as in ./${text}`);
}
