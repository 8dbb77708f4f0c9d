import { Backups } from '../backup/backups.ts';
import { systemClock } from '../core/clock.ts';
import type { Project } from '../engine/project.ts';

export interface OpenBackupsOptions {
  identityFile?: string | undefined;
  /** Default: standard error. */
  notice?: (text: string) => void;
}

/** The backups of a testnet; its targets are opened when they are first used. */
export function openBackups(
  project: Pick<Project, 'root' | 'name' | 'stateDir' | 'loaded' | 'profile'>,
  { identityFile, notice = (text) => void process.stderr.write(`${text}\n`) }: OpenBackupsOptions = {},
): Backups {
  const { root, name, stateDir, loaded, profile } = project;
  return new Backups({
    root,
    testnet: name,
    system: profile.name,
    stateDir,
    specFile: loaded.file,
    settings: loaded.spec.backups ?? {},
    clock: systemClock,
    env: process.env,
    identityFile,
    notice,
  });
}
