import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { abortedError } from '../../../core/clock.ts';
import { LabError, messageOf } from '../../../core/errors.ts';

const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** What of the machine decides over the content of a local image. */
export interface BuildHost {
  /** Code name of its Debian or Ubuntu release; undefined on another system. */
  codename: string | undefined;
  /** `process.arch`. */
  arch: string;
}

export async function buildHost(): Promise<BuildHost> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1] ?? '';
  const isDebian = [value('ID'), ...value('ID_LIKE').split(' ')].some((id) => id === 'debian' || id === 'ubuntu');
  const codename = value('VERSION_CODENAME');
  return { codename: isDebian && codename !== '' ? codename : undefined, arch: process.arch };
}

/** Runs a program of the system; its failure is a LabError with the last lines that it wrote. */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: { signal?: AbortSignal | undefined; timeoutMs: number; env?: Record<string, string> },
): Promise<string> {
  const { signal, timeoutMs, env = {} } = options;
  if (signal?.aborted) throw abortedError(signal);
  const result = await execa(file, args, {
    timeout: timeoutMs,
    forceKillAfterDelay: 5_000,
    reject: false,
    all: true,
    stdin: 'ignore',
    env,
    ...(signal ? { cancelSignal: signal } : {}),
  });
  if (signal?.aborted) throw abortedError(signal);
  if (!result.failed) return result.stdout;
  const how = result.timedOut
    ? `did not end within ${timeoutMs} ms`
    : `ended with exit code ${result.exitCode ?? 'none'}`;
  throw new LabError(`${file} ${how}:\n${result.all.split('\n').slice(-15).join('\n')}`, { cause: result });
}

/** Rejects, naming the one command that helps, unless images can be built here; installs mmdebstrap only when allowed to. */
export async function requireImageBuilder(
  host: BuildHost,
  options: { allowInstall: boolean; signal?: AbortSignal | undefined },
): Promise<string> {
  if (host.codename === undefined) {
    throw new LabError(
      'local images are made from Debian or Ubuntu packages, and this machine is neither; ' +
        'on one that is, run `seatrial images`, and bring the images here with `docker save` and `docker load`',
    );
  }
  if (process.getuid?.() !== 0) {
    throw new LabError('building local images needs root: `sudo "$(command -v npx)" seatrial images`');
  }
  if (!existsSync('/usr/bin/mmdebstrap')) {
    const command = 'apt-get install -y --no-install-recommends mmdebstrap';
    if (!options.allowInstall) {
      throw new LabError(`building local images needs mmdebstrap: \`sudo ${command}\``);
    }
    await installPackages(['mmdebstrap'], options.signal).catch((cause: unknown) => {
      throw new LabError(`\`${command}\` failed: ${messageOf(cause)}`, { cause });
    });
  }
  return host.codename;
}

/** Installs packages of the system without asking and without recommended ones. */
export async function installPackages(packages: readonly string[], signal?: AbortSignal): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const options = { signal, timeoutMs: INSTALL_TIMEOUT_MS, env };
  await runProgram('apt-get', ['update', '-qq'], options);
  await runProgram('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
}
