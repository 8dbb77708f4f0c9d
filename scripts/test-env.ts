/**
 * Runs a command with what the tests need of the machine: a Docker engine (DOCKER_HOST) and local images on it. Starts an engine
 * only where none is reachable, and ends it afterwards, also on SIGINT and SIGTERM. Ends with the command's exit code.
 *
 *   node scripts/test-env.ts [--own-engine] <command> [arguments…]
 *
 * SEATRIAL_TEST_INSTALL=0 installs no system packages (root only, otherwise none are installed anyway unless CI=true);
 * SEATRIAL_TEST_IMAGES=0 builds no images.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { messageOf } from '../src/core/errors.ts';
import { connectDocker } from '../src/lab/docker/connection.ts';
import { buildLocalImages } from '../src/lab/docker/images/local-images.ts';
import { ensureDockerEngine, imageCacheDir, mayInstallPackages } from '../test/helpers/docker-engine.ts';

const say = (line: string): void => void process.stderr.write(`test-env: ${line}\n`);
const forceOwn = process.argv[2] === '--own-engine';
const [command, ...args] = process.argv.slice(forceOwn ? 3 : 2);

/** In CI a suite that is skipped because something failed would be a green lie. */
const isRequired = process.env['CI'] === 'true';

if (command === undefined) {
  say('usage: node scripts/test-env.ts [--own-engine] <command> [arguments…]');
  process.exitCode = 2;
} else {
  const interrupted = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => interrupted.abort(signal);
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.exitCode = await run(command, args, interrupted.signal);
}

async function run(command: string, args: readonly string[], signal: AbortSignal): Promise<number> {
  const engine = await ensureDockerEngine({ forceOwn, onProgress: say });
  if ('unavailable' in engine) {
    if (isRequired) {
      say(`there must be a Docker engine here: ${engine.unavailable}`);
      return 1;
    }
    say(`suites that need a Docker engine are skipped: ${engine.unavailable}`);
    return runCommand(command, args, process.env, signal);
  }
  try {
    await provideImages(engine.dockerHost, signal);
    return await runCommand(command, args, { ...process.env, DOCKER_HOST: engine.dockerHost }, signal);
  } finally {
    await engine.stop();
  }
}

async function provideImages(host: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || process.env['SEATRIAL_TEST_IMAGES'] === '0') return;
  try {
    const { docker } = await connectDocker({ host });
    const images = await buildLocalImages(docker, {
      onProgress: say,
      signal,
      allowInstall: mayInstallPackages(),
      cacheDir: imageCacheDir(),
    });
    for (const { reference, reason, state, elapsedMs } of images) {
      if (state !== 'present') say(reason ?? `${reference ?? ''} ${state} in ${elapsedMs} ms`);
    }
  } catch (error) {
    if (isRequired && !signal.aborted) throw error;
    say(`there are no local images: ${messageOf(error)}`);
  }
}

/** Runs the command to its end. A signal to this program is passed on; the terminal sends its own to both. */
async function runCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  if (signal.aborted) return exitCodeOf(signal.reason as NodeJS.Signals);
  const child = spawn(command, args, { stdio: 'inherit', env });
  signal.addEventListener('abort', () => child.kill(signal.reason as NodeJS.Signals), { once: true });
  return new Promise((resolve) => {
    child.once('error', (error) => {
      say(`cannot run ${command}: ${messageOf(error)}`);
      resolve(127);
    });
    child.once('exit', (code, by) => resolve(code ?? exitCodeOf(by ?? 'SIGKILL')));
  });
}

function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
