import { createRequire } from 'node:module';
import { join } from 'node:path';
import { execa } from 'execa';

/** What the engine says about the program to run. */
export interface ProgramRun {
  engine: string;
  monitor: string;
  organization: string;
  project: string;
  stack: string;
  rootDirectory: string;
  programDirectory: string;
  workingDirectory: string;
  entryPoint: string;
  arguments: readonly string[];
  isDryRun: boolean;
  parallel: number;
  config: Record<string, string>;
  secretKeys: readonly string[];
  nodeArguments: readonly string[];
  /** Whether the SDK translates TypeScript itself (the default); with `typescript: false` Node strips the types, which is faster. */
  isTypeScriptHandled: boolean;
}

export interface ProgramExit {
  code: number | undefined;
  signal: string | undefined;
}

const stopGraceMs = 3_000;

/** Runs Pulumi programs as child processes, and stops them all when the host ends. */
export class ProgramRunner {
  readonly #controllers = new Set<AbortController>();
  readonly #ends = new Set<Promise<unknown>>();

  /** Resolves with the program's exit; rejects when it cannot be started at all. An aborted signal stops the program. */
  async run(program: ProgramRun, signal: AbortSignal): Promise<ProgramExit> {
    const controller = new AbortController();
    signal.addEventListener('abort', () => controller.abort(), { once: true });
    const child = execa(process.execPath, programArguments(program), {
      cwd: program.workingDirectory,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: programEnvironment(program),
      reject: false,
      cancelSignal: controller.signal,
      killSignal: 'SIGTERM',
      forceKillAfterDelay: stopGraceMs,
    });
    this.#controllers.add(controller);
    this.#ends.add(child);
    try {
      const { exitCode, signal: endSignal, cause } = await child;
      if (exitCode === undefined && endSignal === undefined) {
        throw new Error(
          `could not start ${process.execPath}: ${cause instanceof Error ? cause.message : 'unknown reason'}`,
        );
      }
      return { code: exitCode, signal: endSignal };
    } finally {
      this.#controllers.delete(controller);
      this.#ends.delete(child);
    }
  }

  /** Resolves once all programs have ended. Programs that were signalled already are left to end by themselves. */
  async stop(wereSignalled = false): Promise<void> {
    if (!wereSignalled) for (const controller of this.#controllers) controller.abort();
    await Promise.allSettled(this.#ends);
  }
}

function programArguments(program: ProgramRun): string[] {
  return [
    ...program.nodeArguments,
    sdkRunner(program.programDirectory),
    ...['--monitor', program.monitor, '--engine', program.engine],
    ...['--organization', program.organization, '--project', program.project, '--stack', program.stack],
    ...['--root-directory', program.rootDirectory, '--pwd', program.workingDirectory],
    ...(program.isDryRun ? ['--dry-run'] : []),
    ...['--parallel', String(program.parallel)],
    program.entryPoint,
    ...program.arguments,
  ];
}

function programEnvironment(program: ProgramRun): Record<string, string> {
  return {
    PULUMI_CONFIG: JSON.stringify(program.config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(program.secretKeys),
    PULUMI_NODEJS_TYPESCRIPT: String(program.isTypeScriptHandled),
  };
}

/** The SDK's own runner, from the copy of the SDK that the program imports. */
function sdkRunner(programDirectory: string): string {
  try {
    return createRequire(join(programDirectory, 'program.js')).resolve('@pulumi/pulumi/cmd/run');
  } catch (cause) {
    throw new Error(`@pulumi/pulumi is not installed for the program in ${programDirectory}; run npm install there`, {
      cause,
    });
  }
}
