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
  etcd: 'etcd-server',
};

/** Those without which no engine can be started. */
const ENGINE: ReadonlySet<string> = new Set(['dockerd', 'ip']);

/**
 * A Docker engine for the tests: the reachable one, else one of our own where that is allowed (root, and CI or Debian/Ubuntu
 * without SEATRIAL_TEST_INSTALL=0). Otherwise the reason, with the one command to run.
 */
export async function ensureDockerEngine(
  options: EnsureEngineOptions = {},
): Promise<EngineForTests | { unavailable: string }> {
  const { forceOwn = false, onProgress } = options;
  const reachable = forceOwn ? 'an own engine was asked for' : await reachableEngine();
  const isReachable = typeof reachable !== 'string';
  const missing = Object.keys(PACKAGES).filter(
    (program) => !isInstalled(program) && !(isReachable && ENGINE.has(program)),
  );
  const command = `apt-get install -y --no-install-recommends ${packagesOf(missing).join(' ')}`;
  const failure = missing.length === 0 ? undefined : await install(missing, command, onProgress);
  if (isReachable) return { ...reachable, isOwn: false, stop: async () => undefined };
  if (process.getuid?.() !== 0) return { unavailable: `${reachable} (run as root, the tests bring their own engine)` };
  if (failure !== undefined && missing.some((program) => ENGINE.has(program))) {
    return { unavailable: `${reachable}; or run \`${command}\`, and the tests bring their own engine (${failure})` };
  }
  try {
    onProgress?.('starting a Docker engine for the tests');
    return { ...(await startOwnDockerd()), isOwn: true };
  } catch (error) {
    return { unavailable: `${reachable}; ${messageOf(error)}` };
  }
}

/** The engine that is there, or why there is none. */
async function reachableEngine(): Promise<{ dockerHost: string } | string> {
  try {
    return { dockerHost: (await connectDocker()).host };
  } catch (error) {
    return messageOf(error);
  }
}

/** Installs what is missing where that is allowed; resolves to the reason when it is still missing afterwards. */
async function install(
  missing: readonly string[],
  command: string,
  onProgress: ((line: string) => void) | undefined,
): Promise<string | undefined> {
  if (!mayInstallPackages()) return 'installing it unasked is not allowed here';
  if ((await buildHost()).codename === undefined) return 'this is neither Debian nor Ubuntu';
  onProgress?.(command);
  try {
    await withoutServiceStart(() => installPackages(packagesOf(missing)));
    return undefined;
  } catch (error) {
    onProgress?.(`that failed: ${messageOf(error)}`);
    return messageOf(error);
  }
}

function packagesOf(programs: readonly string[]): string[] {
  return programs.map((program) => PACKAGES[program] ?? program);
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
