import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';

/** Whether a path lies in this or another project's toolchain, and is not the user's own. */
export function isInToolchain(path: string): boolean {
  return path.includes(join('.seatrial', 'toolchain'));
}

/** The first executable of this name in a folder of PATH that is no toolchain of ours. */
export async function findOnPath(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    if (folder === '' || isInToolchain(folder)) continue;
    const candidate = join(folder, name);
    if (await isExecutable(candidate)) return realpath(candidate);
  }
  return undefined;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The version a Pulumi program prints, without its v; undefined when it prints none within `timeoutMs`. */
export async function pulumiProgramVersion(
  program: string,
  environment: NodeJS.ProcessEnv,
  timeoutMs = 10_000,
): Promise<string | undefined> {
  const env = { ...environment, PULUMI_SKIP_UPDATE_CHECK: '1' };
  const { stdout } = await execa(program, ['version'], { env, reject: false, timeout: timeoutMs, stdin: 'ignore' });
  return /^v?(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
}

/** Whether a version has the same major number as `oldest` and is not older. */
export function isNewEnough(version: string, oldest: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0, oldestPatch = 0] = oldest.split('.').map(Number);
  return major === oldestMajor && (minor > oldestMinor || (minor === oldestMinor && patch >= oldestPatch));
}
