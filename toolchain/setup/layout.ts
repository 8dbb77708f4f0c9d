import { homedir } from 'node:os';
import { join } from 'node:path';

/** The Pulumi release that is downloaded or built; the npm SDK is pinned to the same one. */
export const pulumiVersion = '3.250.0';
/** The oldest Pulumi release of the user's that will do; its major version must be the same. */
export const oldestPulumiVersion = '3.245.0';
/** The docker provider's release; it must be that of the npm package. */
export const dockerVersion = '5.2.0';

/** Where the official release archives are. */
export const officialDownloads = 'https://get.pulumi.com/releases/sdk';

export const languageHostName = 'pulumi-language-nodejs';
export const dockerProviderName = 'pulumi-resource-docker';

/** Where the parts of a project's toolchain live. */
export interface Layout {
  /** `<root>/.seatrial/toolchain` */
  folder: string;
  /** Programs; first on PATH. */
  bin: string;
  /** The own programs, each bundled into one file. */
  lib: string;
  /** The toolchain's PULUMI_HOME. */
  pulumiHome: string;
  /** Folder of the docker provider inside PULUMI_HOME. */
  dockerPlugin: string;
  /** What setup has done, as JSON. */
  manifest: string;
  lock: string;
  /** Default backend: survives the removal of the toolchain. */
  state: string;
}

export function layoutOf(root: string): Layout {
  const folder = join(root, '.seatrial', 'toolchain');
  const pulumiHome = join(folder, 'pulumi-home');
  return {
    folder,
    bin: join(folder, 'bin'),
    lib: join(folder, 'lib'),
    pulumiHome,
    dockerPlugin: join(pulumiHome, 'plugins', `resource-docker-v${dockerVersion}`),
    manifest: join(folder, 'toolchain.json'),
    lock: join(folder, 'setup.lock'),
    state: join(root, '.seatrial', 'pulumi-state'),
  };
}

/** Shared between projects, since building the CLI takes minutes. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'seatrial', 'pulumi-cli');
}
