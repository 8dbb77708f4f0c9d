import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { setupToolchain, toolchainEnvironment } from '../../../toolchain/setup.ts';
import { engineHost } from '../../helpers/toolchain/test-engine.ts';

const repository = join(import.meta.dirname, '../../..');

export interface Result {
  exitCode: number | undefined;
  output: string;
}

/** A Pulumi project in a folder of its own, with its own toolchain, driven by the real CLI. */
export class PulumiProject {
  readonly root: string;
  readonly #environment: Record<string, string>;

  private constructor(root: string) {
    this.root = root;
    // Not the backend and the passphrase of whoever runs the tests.
    const environment = toolchainEnvironment({ root }, { PATH: process.env['PATH'] });
    this.#environment = { ...environment, DOCKER_HOST: engineHost };
  }

  static async create(root: string): Promise<PulumiProject> {
    await setupToolchain({ root, downloads: false });
    const project = new PulumiProject(root);
    const yaml = 'name: toolchain-test\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n';
    const manifest = {
      name: 'toolchain-test',
      type: 'module',
      main: 'index.ts',
      dependencies: { '@pulumi/docker': '5.2.0' },
    };
    await writeFile(join(root, 'Pulumi.yaml'), yaml);
    await writeFile(join(root, 'package.json'), JSON.stringify(manifest));
    await mkdir(join(root, 'node_modules'));
    for (const name of ['@pulumi', '@grpc', 'google-protobuf']) {
      await symlink(join(repository, 'node_modules', name), join(root, 'node_modules', name));
    }
    await project.write('');
    const selected = await project.pulumi('stack', 'select', '--create', 'dev');
    if (selected.exitCode !== 0) throw new Error(selected.output);
    return project;
  }

  write(program: string): Promise<void> {
    return writeFile(join(this.root, 'index.ts'), program);
  }

  /** Runs the CLI to its end. */
  pulumi(...args: string[]): Promise<Result> {
    return this.start(...args).end;
  }

  start(...args: string[]): { kill(signal: NodeJS.Signals): void; end: Promise<Result> } {
    const child = execa('pulumi', [...args, '--non-interactive', '--color=never'], {
      cwd: this.root,
      env: this.#environment,
      stdin: 'ignore',
      all: true,
      reject: false,
      timeout: 60_000,
    });
    const end = child.then(({ exitCode, all }) => ({ exitCode, output: all }));
    return { kill: (signal) => void child.kill(signal), end };
  }

  up(): Promise<Result> {
    return this.pulumi('up', '--yes', '--skip-preview');
  }

  /** Command lines of all processes that run one of this project's programs. */
  async processes(): Promise<string[]> {
    const commands: string[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
      if (command.includes(this.root)) commands.push(command);
    }
    return commands;
  }
}
