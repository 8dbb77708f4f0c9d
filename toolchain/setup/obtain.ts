import { copyFile, link, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf } from '../../src/core/errors.ts';
import { builtCli } from './build-cli.ts';
import { findOnPath, isExecutable, isInToolchain, isNewEnough, pulumiProgramVersion } from './find-on-path.ts';
import {
  dockerProviderName,
  dockerVersion,
  languageHostName,
  type Layout,
  oldestPulumiVersion,
  pulumiVersion,
} from './layout.ts';
import { downloadCli, installDockerPlugin, isReachable } from './official.ts';
import { installOwnProgram } from './own-programs.ts';
import type { SetupContext, ToolchainPart } from './part.ts';

/** Gets every part, each from the first source that has it. `downloads` is the official address, or false to never go there. */
export async function obtainParts(
  layout: Layout,
  downloads: string | false,
  context: SetupContext,
): Promise<ToolchainPart[]> {
  let reachable: Promise<boolean> | undefined;
  const canDownload = async (): Promise<boolean> => {
    if (downloads === false) return false;
    return (reachable ??= isReachable(downloads, context.signal));
  };
  const forgetDownloads = (): void => {
    reachable = Promise.resolve(false);
  };
  const cli =
    (await cliOnPath(layout, context)) ?? (await newCli(layout, downloads, canDownload, forgetDownloads, context));
  const pulumi = cli[0]?.path ?? join(layout.bin, 'pulumi');
  return [...cli, await dockerProvider(layout, pulumi, canDownload, context)];
}

/** The user's own CLI, with its language host where it has one. */
async function cliOnPath(layout: Layout, context: SetupContext): Promise<ToolchainPart[] | undefined> {
  const { environment } = context;
  const found = await findOnPath('pulumi', environment);
  if (found === undefined) return undefined;
  const version = await pulumiProgramVersion(found, environment);
  if (version === undefined || !isNewEnough(version, oldestPulumiVersion)) {
    context.onProgress(
      `${found} is not used: its version is ${version ?? 'unknown'}, ${oldestPulumiVersion} is the oldest that fits`,
    );
    return undefined;
  }
  const beside = join(dirname(found), languageHostName);
  const host = (await isExecutable(beside)) ? beside : await findOnPath(languageHostName, environment);
  if (host !== undefined) {
    // A leftover of an earlier setup would come first on PATH.
    await rm(layout.bin, { recursive: true, force: true });
    const cli: ToolchainPart = { name: 'pulumi', source: 'path', version, path: found };
    return [cli, { name: languageHostName, source: 'path', version, path: host }];
  }
  // The CLI takes the language host that lies beside it, so it needs a copy of its own beside ours.
  const path = await placeCli(found, layout);
  return [{ name: 'pulumi', source: 'path', version, path }, await ownLanguageHost(layout)];
}

async function newCli(
  layout: Layout,
  downloads: string | false,
  canDownload: () => Promise<boolean>,
  forgetDownloads: () => void,
  context: SetupContext,
): Promise<ToolchainPart[]> {
  if (downloads !== false && (await canDownload())) {
    try {
      await downloadCli(downloads, layout, context);
      const official = { source: 'official', version: pulumiVersion } as const;
      return [
        { name: 'pulumi', ...official, path: join(layout.bin, 'pulumi') },
        { name: languageHostName, ...official, path: join(layout.bin, languageHostName) },
      ];
    } catch (error) {
      context.signal?.throwIfAborted();
      forgetDownloads();
      context.onProgress(`the download failed (${messageOf(error)})`);
    }
  }
  const path = await placeCli(await builtCli(context), layout);
  return [{ name: 'pulumi', source: 'offline', version: pulumiVersion, path }, await ownLanguageHost(layout)];
}

async function ownLanguageHost(layout: Layout): Promise<ToolchainPart> {
  const path = join(layout.bin, languageHostName);
  await installOwnProgram('language-host', path, layout);
  return { name: languageHostName, source: 'offline', version: pulumiVersion, path };
}

async function dockerProvider(
  layout: Layout,
  pulumi: string,
  canDownload: () => Promise<boolean>,
  context: SetupContext,
): Promise<ToolchainPart> {
  const path = join(layout.dockerPlugin, dockerProviderName);
  const part = { name: dockerProviderName, version: dockerVersion, path };
  await rm(layout.dockerPlugin, { recursive: true, force: true });
  await mkdir(layout.dockerPlugin, { recursive: true });
  const usersHome = usersPulumiHome(context.environment);
  const users = join(usersHome, 'plugins', `resource-docker-v${dockerVersion}`, dockerProviderName);
  if (await isExecutable(users)) {
    await symlink(users, path);
    return { ...part, source: 'path' };
  }
  if ((await canDownload()) && (await installDockerPlugin(pulumi, layout, context)))
    return { ...part, source: 'official' };
  await installOwnProgram('docker-provider', path, layout);
  return { ...part, source: 'offline' };
}

function usersPulumiHome(environment: NodeJS.ProcessEnv): string {
  const set = environment['PULUMI_HOME'];
  return set && !isInToolchain(set) ? set : join(environment['HOME'] || homedir(), '.pulumi');
}

/** A file of its own in the toolchain: a symbolic link would make the CLI look for the language host beside its target. */
async function placeCli(program: string, layout: Layout): Promise<string> {
  const target = join(layout.bin, 'pulumi');
  const temporary = `${target}.${process.pid}`;
  await mkdir(layout.bin, { recursive: true });
  await link(program, temporary).catch(() => copyFile(program, temporary));
  await rename(temporary, target);
  return target;
}
