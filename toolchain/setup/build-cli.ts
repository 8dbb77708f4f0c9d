import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { sha256 } from '../../src/core/canonical.ts';
import { LabError } from '../../src/core/errors.ts';
import { findOnPath, isExecutable } from './find-on-path.ts';
import { cacheFolder, pulumiVersion } from './layout.ts';
import { withLock } from './lock.ts';
import type { SetupContext } from './part.ts';

const module = join(import.meta.dirname, '..', 'pulumi-cli');
const buildTimeoutMs = 20 * 60_000;

/** Without the version set, the Automation API cannot tell which release it drives. */
const buildArguments = [
  'build',
  '-trimpath',
  '-buildvcs=false',
  '-mod=readonly',
  '-ldflags',
  `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${pulumiVersion}`,
];
const mainPackage = 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi';

/** The CLI built from source, from the cache when the same module was built before. Takes minutes, and Go with its module proxy. */
export async function builtCli(context: SetupContext): Promise<string> {
  const folder = join(cacheFolder(context.environment), await buildKey());
  const program = join(folder, 'pulumi');
  if (await isExecutable(program)) return program;
  return withLock(`${folder}.lock`, context.signal, async () => {
    if (!(await isExecutable(program))) await build(program, context);
    return program;
  });
}

/** Same key, same program. */
async function buildKey(): Promise<string> {
  const files = await Promise.all(['go.mod', 'go.sum', 'tools.go'].map((name) => readFile(join(module, name), 'utf8')));
  return sha256(JSON.stringify([files, buildArguments, process.platform, process.arch])).slice(0, 16);
}

async function build(program: string, { environment, onProgress, signal }: SetupContext): Promise<void> {
  const go = await usableGo(environment);
  onProgress(`building the Pulumi CLI ${pulumiVersion} from source (once on this machine, some minutes)`);
  await mkdir(dirname(program), { recursive: true });
  const temporary = `${program}.${process.pid}`;
  const result = await execa(go, [...buildArguments, '-o', temporary, mainPackage], {
    cwd: module,
    env: { ...environment, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    reject: false,
    stdin: 'ignore',
    timeout: buildTimeoutMs,
    ...(signal ? { cancelSignal: signal } : {}),
  });
  if (result.failed) {
    await rm(temporary, { force: true });
    throw new LabError(`building the Pulumi CLI failed: ${lastLines(result.stderr) || result.shortMessage}`);
  }
  await rename(temporary, program);
}

/** Go itself tells whether it is new enough for the module, and fetches a newer one where it is allowed to. */
async function usableGo(environment: NodeJS.ProcessEnv): Promise<string> {
  const needed = /^go (.+)$/m.exec(await readFile(join(module, 'go.mod'), 'utf8'))?.[1];
  const hint =
    `no Pulumi CLI was found on PATH or could be downloaded, and building one needs Go ${needed} or newer; ` +
    'install Go (https://go.dev/dl) or the Pulumi CLI (https://www.pulumi.com/docs/install), then run seatrial setup again';
  const go = await findOnPath('go', environment);
  if (go === undefined) throw new LabError(`Go is not on PATH: ${hint}`);
  const { failed, stderr } = await execa(go, ['list', '-m'], {
    cwd: module,
    env: { ...environment, GOFLAGS: '-mod=readonly', GOWORK: 'off' },
    reject: false,
    stdin: 'ignore',
    timeout: 120_000,
  });
  if (failed) throw new LabError(`${go} cannot be used (${lastLines(stderr)}): ${hint}`);
  return go;
}

function lastLines(output: string | undefined): string {
  return (output ?? '').trim().split('\n').slice(-5).join('\n');
}
