import { mkdir, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { automation } from '@pulumi/pulumi';
import { execa } from 'execa';
import { abortedError } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { isErrno } from '../../core/files.ts';
import type { PulumiDeployerOptions } from './options.ts';
import { endOrphans, markEnvironment } from './orphans.ts';

/** Limit of the short calls of the CLI that touch only the state. */
const SHORT_CALL_TIMEOUT_MS = 60_000;

/** The stack of one testnet. It may not exist yet. */
export interface PulumiSession {
  stack: automation.Stack;
  /** Name of the Pulumi project. */
  project: string;
  /** Runs a short command of the CLI on this stack. */
  run(args: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Deletes the stack, its history and its configuration file. */
  removeStack(options: { force: boolean }): Promise<void>;
}

/**
 * Opens the same project, backend and stack that a hand-typed `pulumi` in the project folder uses. Plugins that a killed command of
 * this testnet left are ended first.
 */
export async function openSession(options: PulumiDeployerOptions): Promise<PulumiSession> {
  const { root, testnet, toolchain, clock } = options;
  await endOrphans({ root, testnet, clock, signal: undefined });
  const env = { ...toolchain.env, ...(await markEnvironment(root, testnet)) };
  const workspace = await automation.LocalWorkspace.create({
    workDir: root,
    envVars: env,
    pulumiCommand: await automation.PulumiCommand.get({ root: await installation(options) }),
  });
  // The stack is named in every call. To select it would change which one a hand-typed `pulumi destroy` removes.
  workspace.selectStack = () => Promise.resolve();
  // Each costs calls of the CLI after an `up`, and nothing here reads outputs.
  workspace.stackOutputs = () => Promise.resolve({});
  const stack = await automation.Stack.select(testnet, workspace);
  stack.info = () => Promise.resolve(undefined);
  const run: PulumiSession['run'] = async (args, signal) => {
    const result = await execa(toolchain.cli, [...args, '--non-interactive'], {
      cwd: root,
      env,
      reject: false,
      all: true,
      stdin: 'ignore',
      timeout: SHORT_CALL_TIMEOUT_MS,
      ...(signal && { cancelSignal: signal }),
    });
    if (signal?.aborted) throw abortedError(signal);
    if (result.failed) {
      throw new LabError(`pulumi ${args.join(' ')} failed: ${result.all.trim() || result.message}`);
    }
  };
  return {
    stack,
    project: (await workspace.projectSettings()).name,
    run,
    removeStack: ({ force }) => workspace.removeStack(testnet, { force }),
  };
}

/** The Automation API looks for `bin/pulumi` in a folder; a CLI that lies elsewhere gets such a folder. */
async function installation({ root, toolchain: { cli } }: PulumiDeployerOptions): Promise<string> {
  const folder = dirname(cli);
  if (basename(folder) === 'bin' && basename(cli) === 'pulumi') return dirname(folder);
  const own = join(root, '.seatrial', 'pulumi-cli');
  await mkdir(join(own, 'bin'), { recursive: true });
  await symlink(cli, join(own, 'bin', 'pulumi')).catch((error: unknown) => {
    if (!isErrno(error, 'EEXIST')) throw error;
  });
  return own;
}
