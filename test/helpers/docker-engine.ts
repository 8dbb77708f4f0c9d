import { existsSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../src/core/errors.ts';
import { connectDocker } from '../../src/lab/docker/connection.ts';
import { buildHost, installPackages } from '../../src/lab/docker/images/build-host.ts';
import { startOwnDockerd } from './own-dockerd.ts';

export interface EngineForTests {
  dockerHost: string;
  isOwn: boolean;
  /** Ends the engine when it is our own; an engine that was there is left as it is. */
  stop(): Promise<void>;
}

export interface EnsureEngineOptions {
  /** Start an engine of our own even beside a reachable one. Default false. */
  forceOwn?: boolean;
  onProgress?: (line: string) => void;
}

/** What the tests need of the system, as program → the package that brings it. */
const PACKAGES: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  promtool: 'prometheus',
  amtool: 'prometheus-alertmanager',
};

/**
 * A Docker engine for the tests: the reachable one, else one of our own where that is allowed (root, and CI or Debian/Ubuntu
 * without SEATRIAL_TEST_INSTALL=0). Otherwise the reason, with the one command to run.
 */
export async function ensureDockerEngine(
  options: EnsureEngineOptions = {},
): Promise<EngineForTests | { unavailable: string }> {
  const { forceOwn = false, onProgress } = options;
  let why = 'none was looked for';
  if (!forceOwn) {
    try {
      const { host } = await connectDocker();
      return { dockerHost: host, isOwn: false, stop: async () => undefined };
    } catch (error) {
      why = messageOf(error);
    }
  }
  if (process.getuid?.() !== 0) return { unavailable: `${why} (run as root, the tests bring their own engine)` };
  const host = await buildHost();
  const missing = Object.keys(PACKAGES).filter((program) => !isInstalled(program));
  if (missing.length > 0) {
    const packages = missing.map((program) => PACKAGES[program] ?? program);
    const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
    if (host.codename === undefined) return { unavailable: `${why}; ${missing.join(', ')} would be needed` };
    if (mayInstallPackages()) {
      onProgress?.(`installing ${packages.join(' ')}`);
      try {
        await withoutServiceStart(() => installPackages(packages));
      } catch (error) {
        return { unavailable: `${why}; \`${command}\` failed: ${messageOf(error)}` };
      }
    } else if (missing.includes('dockerd') || missing.includes('ip')) {
      return { unavailable: `${why}; or run \`${command}\`, and the tests bring their own engine` };
    }
  }
  try {
    onProgress?.('starting a Docker engine for the tests');
    return { ...(await startOwnDockerd()), isOwn: true };
  } catch (error) {
    return { unavailable: `${why}; ${messageOf(error)}` };
  }
}

/** Whether system packages may be installed without asking: as root in CI, or as root unless SEATRIAL_TEST_INSTALL=0. */
export function mayInstallPackages(): boolean {
  if (process.getuid?.() !== 0) return false;
  return process.env['CI'] === 'true' || process.env['SEATRIAL_TEST_INSTALL'] !== '0';
}

/** Where built images are kept between runs. */
export function imageCacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'seatrial', 'images');
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** Debian's way to keep packages from starting their services when they are installed. */
async function withoutServiceStart(install: () => Promise<void>): Promise<void> {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return install();
  await writeFile(policy, '#!/bin/sh\nexit 101\n');
  await chmod(policy, 0o755);
  try {
    await install();
  } finally {
    await rm(policy, { force: true });
  }
}
