import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { LabError, UsageError } from '../../core/errors.ts';
import type { CallOptions } from '../lab.ts';
import { engineCall } from './engine-call.ts';

/** The oldest engine that is supported (Debian 12's). */
const MINIMUM_ENGINE_VERSION = '20.10';

export interface DockerEngine {
  docker: Docker;
  /** `unix:///path`, as DOCKER_HOST wants it. */
  host: string;
  socketPath: string;
  /** Version of the engine, as in `20.10.24`. */
  version: string;
}

export interface ConnectOptions extends CallOptions {
  /** `unix:///path` of the engine's socket. Default: DOCKER_HOST, else the platform's default socket. */
  host?: string;
  env?: NodeJS.ProcessEnv;
}

/** Connects to the local Docker engine and checks its version. Rejects with a LabError that says what to try. */
export async function connectDocker(options: ConnectOptions = {}): Promise<DockerEngine> {
  const socketPath = dockerSocket(options);
  // An explicit undefined host keeps dockerode from following DOCKER_HOST instead of the socket that was chosen here.
  const docker = new Docker({ socketPath, host: undefined, protocol: 'http' });
  const answer = await engineCall('ask the Docker engine for its version', { timeoutMs: 5_000, ...options }, () =>
    docker.version(),
  );
  if (!isSupportedVersion(answer.Version)) {
    throw new LabError(
      `the Docker engine at ${socketPath} is version ${answer.Version}; Seatrial needs ${MINIMUM_ENGINE_VERSION} or newer`,
      { details: { version: answer.Version, socketPath } },
    );
  }
  return { docker, host: `unix://${socketPath}`, socketPath, version: answer.Version };
}

/** The path of the socket that a connection would use. Throws a UsageError when DOCKER_HOST names another kind of address. */
export function dockerSocket(options: Pick<ConnectOptions, 'host' | 'env'> = {}): string {
  const env = options.env ?? process.env;
  const address = options.host ?? env['DOCKER_HOST'] ?? '';
  if (address === '') return defaultSocket();
  const path = /^unix:\/\/(\/.+)$/.exec(address)?.[1];
  if (path !== undefined) return path;
  throw new UsageError(
    `DOCKER_HOST is "${address}"; only a local socket is supported here, written unix:///var/run/docker.sock ` +
      '(tcp:// and ssh:// are not: they bypass the checks that Seatrial makes on a connection)',
    { details: { address } },
  );
}

/** Whether an engine of this version is supported. A version that is not a number (a development build) is taken as new. */
export function isSupportedVersion(version: string): boolean {
  const [major, minor] = version.split('.').map((part) => Number.parseInt(part, 10));
  const [minimumMajor = 0, minimumMinor = 0] = MINIMUM_ENGINE_VERSION.split('.').map(Number);
  if (major === undefined || Number.isNaN(major)) return true;
  return major > minimumMajor || (major === minimumMajor && (minor ?? 0) >= minimumMinor);
}

function defaultSocket(): string {
  const desktop = join(homedir(), '.docker/run/docker.sock');
  return existsSync(desktop) ? desktop : '/var/run/docker.sock';
}
