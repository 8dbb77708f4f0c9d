import { createWriteStream } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { dockerProviderName, dockerVersion, type Layout, pulumiVersion } from './layout.ts';
import { isExecutable } from './find-on-path.ts';
import type { SetupContext } from './part.ts';

const probeTimeoutMs = 3_000;
const downloadTimeoutMs = 10 * 60_000;

/** The archive's address for this machine. */
function archiveUrl(downloads: string): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  return `${downloads}/pulumi-v${pulumiVersion}-${system}-${process.arch}.tar.gz`;
}

/** One request, a few seconds at most: a machine without a network must not wait. */
export async function isReachable(downloads: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const response = await fetch(archiveUrl(downloads), {
      method: 'HEAD',
      signal: withTimeout(signal, probeTimeoutMs),
    });
    return response.ok;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

/** Puts the official CLI and the language host that comes with it into the toolchain. Rejects, changing nothing, when it cannot. */
export async function downloadCli(downloads: string, layout: Layout, context: SetupContext): Promise<void> {
  context.onProgress(`downloading the Pulumi CLI ${pulumiVersion}`);
  const temporary = join(layout.folder, `download.${process.pid}`);
  const archive = join(temporary, 'pulumi.tar.gz');
  await mkdir(temporary, { recursive: true });
  try {
    const response = await fetch(archiveUrl(downloads), { signal: withTimeout(context.signal, downloadTimeoutMs) });
    if (!response.ok || response.body === null) throw new Error(`${response.url} answered ${response.status}`);
    await pipeline(Readable.fromWeb(response.body), createWriteStream(archive));
    await execa('tar', ['-xzf', archive, '-C', temporary], { stdin: 'ignore', timeout: downloadTimeoutMs });
    await mkdir(layout.bin, { recursive: true });
    await cp(join(temporary, 'pulumi'), layout.bin, { recursive: true, force: true });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Lets the CLI install the official provider. False when it could not. */
export async function installDockerPlugin(pulumi: string, layout: Layout, context: SetupContext): Promise<boolean> {
  context.onProgress(`downloading the docker provider ${dockerVersion}`);
  const { failed } = await execa(pulumi, ['plugin', 'install', 'resource', 'docker', `v${dockerVersion}`], {
    env: { ...context.environment, PULUMI_HOME: layout.pulumiHome, PULUMI_SKIP_UPDATE_CHECK: '1' },
    reject: false,
    stdin: 'ignore',
    timeout: downloadTimeoutMs,
    ...(context.signal ? { cancelSignal: context.signal } : {}),
  });
  return !failed && (await isExecutable(join(layout.dockerPlugin, dockerProviderName)));
}

function withTimeout(signal: AbortSignal | undefined, timeoutMs: number): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
